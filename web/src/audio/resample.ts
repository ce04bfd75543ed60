/** Sound of any rate to 16 kHz: a windowed-sinc polyphase filter whose output does not depend on how the input was cut. */

const ZEROS = 16 // zero crossings of the sinc on each side, at the lower of the two rates
const ROLLOFF = 0.94 // cutoff as a fraction of the lower Nyquist frequency
const KAISER_BETA = 9

/** Streaming conversion of mono sound; n input samples give ceil(n · target / rate) output samples. */
export class Resampler {
  private readonly up: number
  private readonly down: number
  private readonly half: number
  private readonly filters: Float32Array[]
  private buffer = new Float32Array(0)
  private start = 0
  private count = 0
  private given = 0

  /**
   * @param rate input samples a second, a whole number.
   * @param target output samples a second.
   */
  constructor(readonly rate: number, readonly target: number) {
    if (!Number.isInteger(rate) || rate < 4000 || rate > 384_000) {
      throw new RangeError(`expected a sample rate from 4000 to 384000 Hz; got ${rate}`)
    }
    const common = gcd(rate, target)
    this.up = target / common
    this.down = rate / common
    this.half = rate === target ? 0 : Math.ceil(ZEROS / Math.min(1, target / rate))
    this.filters = polyphase(this.up, this.down, this.half)
    this.reset()
  }

  /** Input samples after an output's own time that must be in before it leaves. */
  get lookahead(): number {
    return this.half
  }

  /** Forget every sample; the next push begins a new signal. */
  reset(): void {
    this.buffer = new Float32Array(this.half)
    this.start = -this.half
    this.count = this.given = 0
  }

  /** Take input samples, give the output samples that they complete. */
  push(samples: Float32Array): Float32Array {
    if (this.half === 0) return samples
    this.append(samples)
    this.count += samples.length
    return this.give(Math.max(0, Math.ceil(((this.count - this.half) * this.up) / this.down)))
  }

  /** End the signal: give the outputs that still waited for sound, then reset. */
  flush(): Float32Array {
    if (this.half === 0) return new Float32Array(0)
    this.append(new Float32Array(this.half + 1))
    const out = this.give(Math.ceil((this.count * this.up) / this.down))
    this.reset()
    return out
  }

  private append(samples: Float32Array): void {
    const joined = new Float32Array(this.buffer.length + samples.length)
    joined.set(this.buffer)
    joined.set(samples, this.buffer.length)
    this.buffer = joined
  }

  private give(end: number): Float32Array {
    const out = new Float32Array(Math.max(0, end - this.given))
    for (let i = 0; i < out.length; i++) {
      const position = (this.given + i) * this.down
      const left = Math.floor(position / this.up) - this.half + 1 - this.start
      const filter = this.filters[position % this.up]!
      let sum = 0
      for (let tap = 0; tap < filter.length; tap++) sum += this.buffer[left + tap]! * filter[tap]!
      out[i] = sum
    }
    this.given = Math.max(this.given, end)
    const needed = Math.floor((this.given * this.down) / this.up) - this.half + 1
    if (needed > this.start) {
      this.buffer = this.buffer.slice(needed - this.start)
      this.start = needed
    }
    return out
  }
}

function polyphase(up: number, down: number, half: number): Float32Array[] {
  const cutoff = ROLLOFF * Math.min(1, up / down)
  return Array.from({ length: up }, (_, phase) => {
    const taps = Float64Array.from({ length: 2 * half }, (_, tap) => {
      const distance = tap - half + 1 - phase / up
      const inside = Math.max(0, 1 - (distance / half) ** 2)
      return cutoff * sinc(cutoff * distance) * (bessel0(KAISER_BETA * Math.sqrt(inside)) / bessel0(KAISER_BETA))
    })
    const sum = taps.reduce((a, b) => a + b, 0) // a constant stays a constant
    return Float32Array.from(taps, (tap) => tap / sum)
  })
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}

/** Modified Bessel function of the first kind, order 0, by its series. */
function bessel0(x: number): number {
  let term = 1
  let sum = 1
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
