/** Speech in, frames of a still out: `lipsync_edge.Stream` of one picture. Frame i stands at i / fps seconds for ever. */
import { FeatureStream, faded, silentWindow, type FeatureWindow } from '../audio/alignment'
import { CARDS } from '../models/cards'
import type { Networks } from '../models/networks'
import { Asker } from '../render/asked'
import type { Patch } from '../render/mouth'
import type { Still } from './still'

const CLOSING = 4 // idle frames in which a mouth that was open closes
const CUT_SHORT = 2 // the same after an interrupt: who is interrupted shuts up

/** One finished frame; outside of its patch it is the photo. */
export interface StreamFrame {
  readonly index: number
  readonly state: 'speech' | 'silence' | 'idle'
  readonly patch: Patch | undefined
}

/** Speech in, frames out; calls of `next` and `idle` must not overlap. */
export class FaceStream {
  private readonly features: FeatureStream
  private readonly asker: Asker
  private index = 0
  private origin = 0
  private underWay = false
  private last: FeatureWindow = silentWindow(CARDS.audio)
  private fadedBy = CLOSING
  private atRest: Patch | null = null

  /**
   * @param rate samples a second of the sound that will be pushed.
   * @param fps whole frames a second.
   */
  constructor(
    private readonly still: Still, private readonly networks: Networks, rate: number, readonly fps: number,
  ) {
    this.features = new FeatureStream(CARDS.audio, rate, fps)
    this.asker = new Asker(still.range, CARDS.shapes)
  }

  /** Sound after a frame's own time that must have been pushed before it can be made, in milliseconds. */
  get lookaheadMs(): number {
    return this.features.lookahead * 1000
  }

  /** Number of the next frame. */
  get position(): number {
    return this.index
  }

  /** Take mono speech; after an end it begins the next utterance with the next frame. */
  push(pcm: Float32Array): void {
    if (this.features.ended) this.drop()
    if (!this.underWay) {
      this.underWay = true
      this.origin = this.index
    }
    this.features.push(pcm)
  }

  /** No more sound of this utterance will come. */
  end(): void {
    if (this.underWay) this.features.end()
  }

  /** Drop the utterance at once and close the mouth quickly. */
  interrupt(): void {
    this.drop()
    this.fadedBy = Math.max(this.fadedBy, CLOSING - CUT_SHORT)
  }

  /** Whether the next frame can be made ("ready"), waits for sound, or lies behind the end of the utterance. */
  get state(): 'wait' | 'ready' | 'end' {
    return this.underWay ? this.features.state(this.index - this.origin) : 'end'
  }

  /** Whether the frame after the next can be made too: the next one is late. */
  get isLate(): boolean {
    return this.underWay && this.features.state(this.index + 1 - this.origin) === 'ready'
  }

  /** Whether all sound of the utterance has come. */
  get hasEnded(): boolean {
    return this.features.ended
  }

  /** Whether the mouth has closed after the last utterance. */
  get isAtRest(): boolean {
    return !this.underWay && this.fadedBy >= CLOSING
  }

  /** Pass over the next frame, which must be ready, because its moment is gone. */
  skip(): void {
    this.hear()
    this.index++
  }

  /** Make the next frame of the utterance; undefined while its sound is missing, and behind its end. */
  async next(): Promise<StreamFrame | undefined> {
    if (this.state !== 'ready') return undefined
    const window = this.hear()
    const patch = await this.made(window, this.asker)
    return { index: this.index++, state: window.gain > 0 ? 'speech' : 'silence', patch }
  }

  /** Make a frame without sound: the mouth closes in a few frames and then rests; undefined inside an utterance. */
  async idle(): Promise<StreamFrame | undefined> {
    if (this.underWay && this.state !== 'end') return undefined
    this.underWay = false
    this.fadedBy = Math.min(CLOSING, this.fadedBy + 1)
    const window = faded(this.last, 1 - this.fadedBy / CLOSING)
    if (this.fadedBy < CLOSING) return { index: this.index++, state: 'idle', patch: await this.made(window, this.asker) }
    this.atRest ??= (await this.made(window, new Asker(this.still.range, CARDS.shapes))) ?? null
    return { index: this.index++, state: 'idle', patch: this.atRest ?? undefined }
  }

  private hear(): FeatureWindow {
    this.last = this.features.window(this.index - this.origin)
    this.fadedBy = 0
    return this.last
  }

  private async made(window: FeatureWindow, asker: Asker): Promise<Patch | undefined> {
    const { coefficients, articulation } = await this.networks.hear(window.features)
    return this.still.mouths.make(asker.ask(coefficients, articulation), this.still.strength, articulation)
  }

  private drop(): void {
    this.features.reset()
    this.underWay = false
    this.origin = this.index
  }
}
