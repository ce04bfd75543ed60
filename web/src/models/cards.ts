/** What the networks' cards say, taken from the project's own TOML files when the page is built. */
import type { AudioWindow } from '../audio/alignment'
import type { DetectHead } from '../face/detector'
import cards from '../generated/cards.json'
import type { MouthShapes } from '../render/asked'

/** The four networks that a still needs, in the order of the pipeline. */
export const NETWORKS = ['detect', 'landmarks', 'segment', 'voice'] as const
export type NetworkName = (typeof NETWORKS)[number]

interface Cards {
  /** File of each network, below `models/`. */
  files: Record<NetworkName, string>
  /** Longer side in pixels of the picture that the detector sees. */
  detectSide: number
  /** Side of the aligned crop that landmarks and regions are found in. */
  cropSide: number
  detect: DetectHead
  audio: AudioWindow
  shapes: MouthShapes
  segment: { classes: string[]; paste: string[] }
}

export const CARDS: Cards = cards as unknown as Cards
