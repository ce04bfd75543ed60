/** Gaussian blur of planes of one channel. */
import { newPlane, roundEven, type Plane } from './types'

/** What lies beyond the edge: nothing, or the plane mirrored about its outermost pixels. */
export type BlurBorder = 'zero' | 'mirror'

/** Standard deviations that the kernel reaches: four for numbers, three for grey levels. */
export type Reach = 3 | 4

/** Blur by a standard deviation in pixels. */
export function blur(plane: Plane, sigma: number, border: BlurBorder = 'mirror', reach: Reach = 4): Plane {
  const kernel = gaussian(sigma, reach)
  return along(along(plane, kernel, border, true), kernel, border, false)
}

function gaussian(sigma: number, reach: Reach): Float64Array {
  const size = roundEven(sigma * reach * 2 + 1) | 1
  const middle = (size - 1) / 2
  const weights = Float64Array.from({ length: size }, (_, k) => Math.exp(-0.5 * ((k - middle) / sigma) ** 2))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}

function along(plane: Plane, kernel: Float64Array, border: BlurBorder, across: boolean): Plane {
  const { width, height, data } = plane
  const out = newPlane(width, height)
  const length = across ? width : height
  const step = across ? 1 : width
  const lines = across ? height : width
  const next = across ? width : 1
  const half = (kernel.length - 1) / 2
  const line = new Float64Array(length + 2 * half)
  const from = Int32Array.from(line, (_, k) => sourceOf(k - half, length, border) * step)
  for (let n = 0; n < lines; n++) {
    let isEmpty = true
    for (let k = 0; k < line.length; k++) {
      const value = from[k]! < 0 ? 0 : data[n * next + from[k]!]!
      line[k] = value
      if (value !== 0) isEmpty = false
    }
    if (isEmpty) continue
    for (let k = 0; k < length; k++) {
      let sum = 0
      for (let j = 0; j < kernel.length; j++) sum += kernel[j]! * line[k + j]!
      out.data[n * next + k * step] = sum
    }
  }
  return out
}

/** Which place of a line is read for one that may lie beyond it; below 0: none. */
function sourceOf(at: number, length: number, border: BlurBorder): number {
  if (at >= 0 && at < length) return at
  return border === 'mirror' ? mirrored(at, length) : -1
}

function mirrored(at: number, length: number): number {
  if (length === 1) return 0
  const period = 2 * (length - 1)
  const place = ((at % period) + period) % period
  return Math.min(place, period - place)
}
