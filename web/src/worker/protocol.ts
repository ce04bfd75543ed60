/** What the page and its worker tell each other. */
import type { Region } from '../picture/types'

/** To the worker. */
export type Asked =
  | { kind: 'open'; base: string }
  /** Pixels red, green, blue, opacity; five points x, y, … where the face is known already. */
  | { kind: 'photo'; width: number; height: number; rgba: ArrayBuffer; points?: Float32Array }
  /** A new sound of so many samples a second. Live: what comes late is left out; else frames are made as `want` says. */
  | { kind: 'listen'; rate: number; live: boolean }
  | { kind: 'sound'; pcm: Float32Array }
  | { kind: 'end' }
  /** Frames before `from` are not needed any more, those before `to` may be made. */
  | { kind: 'want'; from: number; to: number }
  | { kind: 'stop' }

/** A frame: outside of its region it is the photo. */
export interface Frame {
  /** Number since the sound began. */
  index: number
  state: 'speech' | 'silence' | 'idle'
  region: Region | undefined
  /** Pixels of the region: red, green, blue, opacity. */
  rgba: ArrayBuffer | undefined
  /** Time it took to make, in milliseconds. */
  took: number
}

/** Why something was not done. */
export type Failure = 'runtime' | 'face' | 'broken'

/** From the worker. */
export type Told =
  | { kind: 'opened'; threads: number }
  /** The photo can speak; `seen` says how much of its mouth is, 0 … 1, `fine` how many pixels it has for one of the crop. */
  | { kind: 'ready'; seen: number; fine: number }
  /** The sound is taken; a frame needs so much sound after its own time, in milliseconds. */
  | { kind: 'listening'; lookaheadMs: number; fps: number }
  | ({ kind: 'frame' } & Frame)
  | { kind: 'finished'; frames: number }
  | { kind: 'failed'; why: Failure; message: string }
