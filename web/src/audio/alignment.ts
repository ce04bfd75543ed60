/**
 * Which mel columns belong to which frame: every line of frame-rate arithmetic, as `lipsync_edge/audio/alignment.py`.
 *
 * A frame at time i / fps eats columns s … s + 42, s = floor(80 · i / fps) + offset; whole frame rates only, so that all
 * of it is done in whole numbers.
 */
import { BANDS, FLOOR, HOP, MelStream, SAMPLE_RATE, WINDOW, type Column } from './mel'
import { Resampler } from './resample'
import { VoiceActivityDetector, fadeIn } from './vad'

/** What a frame hears, from the card's [audio] table. */
export interface AudioWindow {
  columns: number
  offset: number
}

/** What one frame hears: float32 (80 · columns), row by row as the network eats it, and 0 (silence) … 1 (speech). */
export interface FeatureWindow {
  features: Float32Array
  gain: number
}

export type FrameState = 'wait' | 'ready' | 'end'

/** A window in which nothing is heard. */
export function silentWindow(audio: AudioWindow): FeatureWindow {
  return { features: new Float32Array(BANDS * audio.columns).fill(FLOOR), gain: 0 }
}

/** The window with only the part `left`, 0 to 1, of what differs from silence. */
export function faded(window: FeatureWindow, left: number): FeatureWindow {
  return { features: window.features.map((value) => FLOOR + (value - FLOOR) * left), gain: window.gain * left }
}

/** Sound in, pieces of any size; feature windows of frames out, asked for in order of time. */
export class FeatureStream {
  private readonly resampler: Resampler
  private readonly mel = new MelStream()
  private readonly vad = new VoiceActivityDetector()
  private columns: Column[] = [] // from column `first` on, silence already faded out
  private gains: number[] = []
  private first = 0
  private samplesIn = 0
  private over = false

  /**
   * @param audio the audio card's [audio] table.
   * @param rate input samples a second.
   * @param fps whole frames a second.
   */
  constructor(readonly audio: AudioWindow, readonly rate: number, readonly fps: number) {
    if (!Number.isInteger(fps) || fps < 1) throw new RangeError(`expected whole frames a second; got ${fps}`)
    this.resampler = new Resampler(rate, SAMPLE_RATE)
  }

  /** Forget every sample; the next push begins a new sound at time 0. */
  reset(): void {
    this.resampler.reset()
    this.mel.reset()
    this.vad.reset()
    this.columns = []
    this.gains = []
    this.first = this.samplesIn = 0
    this.over = false
  }

  /** Seconds of sound pushed so far. */
  get duration(): number {
    return this.samplesIn / this.rate
  }

  get ended(): boolean {
    return this.over
  }

  /** Most seconds of sound after a frame's own time that its window may need. */
  get lookahead(): number {
    const own = Math.max(0, (this.audio.columns + this.audio.offset - 1) * HOP + WINDOW / 2) / SAMPLE_RATE
    return own + this.resampler.lookahead / this.rate
  }

  /** Take mono sound at `rate`, nominally -1 to 1. */
  push(pcm: Float32Array): void {
    this.samplesIn += pcm.length
    this.store(this.mel.push(this.resampler.push(pcm)))
  }

  /** Say that the sound is over: the frames up to its end become ready. */
  end(): void {
    if (this.over) return
    this.over = true
    this.store(this.mel.push(this.resampler.flush()))
    this.store(this.mel.flush())
  }

  /** Whether the window of frame `index` waits for sound, is ready, or lies behind the end of the sound. */
  state(index: number): FrameState {
    if (index * this.rate >= this.samplesIn * this.fps) return this.over ? 'end' : 'wait'
    const complete = this.begins(index) + this.audio.columns <= this.first + this.columns.length
    return complete || this.over ? 'ready' : 'wait'
  }

  /** Give the window of frame `index`, which must be ready; columns long before it are forgotten. */
  window(index: number): FeatureWindow {
    if (this.state(index) !== 'ready') throw new RangeError(`the window of frame ${index} is not ready`)
    const start = this.begins(index)
    const count = this.audio.columns
    const { features } = silentWindow(this.audio)
    const gains = new Float32Array(count)
    for (let k = 0; k < count; k++) {
      const column = this.columns[start + k - this.first]
      if (!column) continue
      for (let band = 0; band < BANDS; band++) features[band * count + k] = column[band]!
      gains[k] = this.gains[start + k - this.first]!
    }
    this.forget(start)
    const own = Math.min(Math.max(this.column(index) - start, 0), count - 1)
    return { features, gain: fadeIn(gains.subarray(own)) }
  }

  private column(index: number): number {
    return Math.floor(((SAMPLE_RATE / HOP) * index) / this.fps)
  }

  private begins(index: number): number {
    return this.column(index) + this.audio.offset
  }

  private store(columns: Column[]): void {
    for (const column of columns) {
      const gain = this.vad.push(column)
      this.gains.push(gain)
      this.columns.push(column.map((value) => FLOOR + (value - FLOOR) * gain))
    }
  }

  private forget(start: number): void {
    const drop = Math.min(start - this.audio.columns - this.first, this.columns.length)
    if (drop <= 4 * this.audio.columns) return
    this.columns.splice(0, drop)
    this.gains.splice(0, drop)
    this.first += drop
  }
}
