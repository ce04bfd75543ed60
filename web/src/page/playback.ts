/** A sound file played in step with the frames that are made of it. */
import type { Frame } from '../worker/protocol'

const AHEAD = 8 // frames that may be made before their time
const BEFORE = 5 // frames that are there before the sound begins
const PATIENCE_MS = 3000 // after which it begins all the same

/** What a playback needs of the page. */
export interface PlaybackNeeds {
  readonly context: AudioContext
  readonly heard: AudioBuffer
  /** Where the sound goes. */
  readonly outputs: readonly AudioNode[]
  readonly fps: number
  /** Frames from `from` on are needed, those before `to` may be made. */
  want(from: number, to: number): void
  draw(frame: Frame): void
}

/** Shows each frame when its sound is heard; frames that come late are left out. */
export class Playback {
  private readonly frames: Frame[] = []
  private readonly began = performance.now()
  private source: AudioBufferSourceNode | undefined
  private startedAt = 0
  private request = 0
  /** Frames that were shown. */
  shown = 0

  constructor(private readonly needs: PlaybackNeeds) {
    needs.want(0, AHEAD)
    this.request = requestAnimationFrame(() => this.tick())
  }

  /** Take a frame that was made. */
  take(frame: Frame): void {
    this.frames.push(frame)
  }

  /** End it at once. */
  stop(): void {
    cancelAnimationFrame(this.request)
    this.source?.stop()
    this.source?.disconnect()
  }

  /** Show what is left, then stop. */
  async finish(): Promise<void> {
    while (this.frames.length) await new Promise((resolve) => setTimeout(resolve, 1000 / this.needs.fps))
    this.stop()
  }

  private tick(): void {
    const { fps, want, draw, context } = this.needs
    this.request = requestAnimationFrame(() => this.tick())
    if (!this.source) {
      if (this.frames.length < BEFORE && performance.now() - this.began < PATIENCE_MS) return
      this.start()
    }
    const delay = context.outputLatency || context.baseLatency || 0
    const now = Math.floor((context.currentTime - this.startedAt - delay) * fps + 1e-6)
    want(Math.max(0, now), Math.max(0, now) + AHEAD)
    let due: Frame | undefined
    while (this.frames[0] && this.frames[0].index <= now) due = this.frames.shift()
    if (!due) return
    this.shown++
    draw(due)
  }

  private start(): void {
    const { context, heard, outputs } = this.needs
    this.source = new AudioBufferSourceNode(context, { buffer: heard })
    for (const output of outputs) this.source.connect(output)
    this.startedAt = context.currentTime + 0.05
    this.source.start(this.startedAt)
  }
}
