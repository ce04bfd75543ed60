/** Fourier transform of a fixed length whose prime factors are small, in float64. */

export class Fourier {
  private readonly cos: Float64Array
  private readonly sin: Float64Array
  private readonly factors: number[]

  /** @param length points of the transform; a product of small primes. */
  constructor(readonly length: number) {
    this.cos = Float64Array.from({ length }, (_, k) => Math.cos((2 * Math.PI * k) / length))
    this.sin = Float64Array.from({ length }, (_, k) => -Math.sin((2 * Math.PI * k) / length))
    this.factors = factorsOf(length)
  }

  /** Magnitudes of bins 0 … length / 2 of a real signal of `length` samples. */
  magnitudes(signal: Float64Array): Float64Array {
    const n = this.length
    const re = new Float64Array(n)
    const im = new Float64Array(n)
    this.step(signal, 0, 1, re, im, 0, n, 0)
    return Float64Array.from({ length: n / 2 + 1 }, (_, k) => Math.hypot(re[k]!, im[k]!))
  }

  /** Cooley and Tukey's step: `count` samples from `first` on, `stride` apart, to the bins at `out`. */
  private step(
    signal: Float64Array, first: number, stride: number,
    re: Float64Array, im: Float64Array, out: number, count: number, depth: number,
  ): void {
    if (count === 1) {
      re[out] = signal[first]!
      im[out] = 0
      return
    }
    const radix = this.factors[depth]!
    const size = count / radix
    for (let r = 0; r < radix; r++) {
      this.step(signal, first + r * stride, stride * radix, re, im, out + r * size, size, depth + 1)
    }
    const partRe = new Float64Array(radix)
    const partIm = new Float64Array(radix)
    const unit = this.length / count
    for (let k = 0; k < size; k++) {
      for (let r = 0; r < radix; r++) {
        partRe[r] = re[out + r * size + k]!
        partIm[r] = im[out + r * size + k]!
      }
      for (let q = 0; q < radix; q++) {
        let sumRe = 0
        let sumIm = 0
        for (let r = 0; r < radix; r++) {
          const turn = (unit * r * (k + q * size)) % this.length
          const c = this.cos[turn]!
          const s = this.sin[turn]!
          sumRe += partRe[r]! * c - partIm[r]! * s
          sumIm += partRe[r]! * s + partIm[r]! * c
        }
        re[out + q * size + k] = sumRe
        im[out + q * size + k] = sumIm
      }
    }
  }
}

function factorsOf(length: number): number[] {
  const factors: number[] = []
  for (let rest = length, prime = 2; rest > 1; ) {
    if (rest % prime === 0) {
      factors.push(prime)
      rest /= prime
    } else {
      prime++
    }
  }
  return factors
}
