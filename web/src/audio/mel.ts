/**
 * Samples to mel columns, streaming first: the published front end, as `lipsync_edge/audio/mel.py` has it.
 *
 * One column is 800 pre-emphasised samples under a periodic Hann window, every 200 samples, centred on sample 200 k; the
 * signal is reflected at both ends.
 */
import { Fourier } from './fourier'

export const SAMPLE_RATE = 16_000
export const HOP = 200
export const WINDOW = 800
export const BANDS = 80
export const FLOOR = -4

const HALF = WINDOW / 2
const PREEMPHASIS = 0.97
const LOWEST_HZ = 55
const HIGHEST_HZ = 7600
const SMALLEST_MAGNITUDE = 1e-5
const KEEP = 2 * WINDOW

/** One mel column, float32 (80,), values from -4 to 4. */
export type Column = Float32Array

function hzToMel(hz: number): number {
  return hz < 1000 ? (hz * 3) / 200 : 15 + Math.log(hz / 1000) * (27 / Math.log(6.4))
}

function melToHz(mel: number): number {
  return mel < 15 ? (mel * 200) / 3 : 1000 * Math.exp((mel - 15) * (Math.log(6.4) / 27))
}

interface Filter {
  first: number
  weights: Float64Array
}

/** Triangular, area-normalised filters, 55 to 7600 Hz, each as a run of Fourier bins. */
function melFilters(): Filter[] {
  const low = hzToMel(LOWEST_HZ)
  const step = (hzToMel(HIGHEST_HZ) - low) / (BANDS + 1)
  const edges = Array.from({ length: BANDS + 2 }, (_, k) => melToHz(low + k * step))
  return Array.from({ length: BANDS }, (_, band) => {
    const [left, centre, right] = [edges[band]!, edges[band + 1]!, edges[band + 2]!]
    const weights: number[] = []
    let first = -1
    for (let bin = 0; bin <= HALF; bin++) {
      const hz = (bin * SAMPLE_RATE) / WINDOW
      const weight = Math.min((hz - left) / (centre - left), (right - hz) / (right - centre))
      if (weight <= 0) continue
      if (first < 0) first = bin
      weights.push(weight * (2 / (right - left)))
    }
    return { first, weights: Float64Array.from(weights) }
  })
}

/** Turns samples that arrive in pieces into mel columns; column k leaves when sample 200 k + 399 is in. */
export class MelStream {
  private readonly fourier = new Fourier(WINDOW)
  private readonly filters = melFilters()
  private readonly hann = Float64Array.from(
    { length: WINDOW }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / WINDOW),
  )
  private samples: Float64Array = new Float64Array(0) // pre-emphasised, from `start` on
  private start = 0
  private count = 0
  private last = 0
  private next = 0

  /** Forget every sample; the next push begins a new signal. */
  reset(): void {
    this.samples = new Float64Array(0)
    this.start = this.count = this.last = this.next = 0
  }

  /** Take mono samples at 16 kHz, nominally -1 to 1; give the columns that they complete. */
  push(samples: Float32Array): Column[] {
    this.append(samples)
    const end = this.count > HALF ? Math.floor((this.count - HALF) / HOP) + 1 : 0
    const columns = this.give(end)
    const drop = Math.max(0, this.next * HOP - KEEP - this.start)
    if (drop) {
      this.samples = this.samples.slice(drop)
      this.start += drop
    }
    return columns
  }

  /** End the signal: give the columns that wait for its reflected end, then reset. */
  flush(): Column[] {
    const columns = this.give(this.count ? 1 + Math.floor(this.count / HOP) : 0)
    this.reset()
    return columns
  }

  private append(samples: Float32Array): void {
    if (!samples.length) return
    const held = this.samples.length
    const joined = new Float64Array(held + samples.length)
    joined.set(this.samples)
    for (let i = 0; i < samples.length; i++) {
      joined[held + i] = samples[i]! - PREEMPHASIS * this.last
      this.last = samples[i]!
    }
    this.samples = joined
    this.count += samples.length
  }

  private give(end: number): Column[] {
    const columns: Column[] = []
    for (; this.next < end; this.next++) columns.push(this.column(this.next * HOP - HALF))
    return columns
  }

  private column(first: number): Column {
    const frame = new Float64Array(WINDOW)
    for (let i = 0; i < WINDOW; i++) frame[i] = this.at(first + i) * this.hann[i]!
    const magnitudes = this.fourier.magnitudes(frame)
    return Float32Array.from(this.filters, ({ first: bin, weights }) => {
      let band = 0
      for (let i = 0; i < weights.length; i++) band += magnitudes[bin + i]! * weights[i]!
      const levelDb = 20 * Math.log10(Math.max(SMALLEST_MAGNITUDE, band)) - 20
      return Math.min(Math.max((8 * (levelDb + 100)) / 100 - 4, FLOOR), -FLOOR)
    })
  }

  /** A sample of the signal reflected about its first and last one. */
  private at(position: number): number {
    let place = position
    if (place < 0 || place >= this.count) {
      const period = Math.max(1, 2 * (this.count - 1))
      place = ((place % period) + period) % period
      place = this.count === 1 ? 0 : Math.min(place, period - place)
    }
    return this.samples[place - this.start]!
  }
}

/** Mean band power of a column in dB of full scale, for the VAD. */
export function levelDb(column: Column): number {
  let power = 0
  for (const value of column) power += 10 ** (((value + 4) * 12.5 - 100) / 10)
  return 10 * Math.log10(Math.fround(power / column.length))
}
