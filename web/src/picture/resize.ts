/** Pictures and planes made smaller by averaging, planes made larger bilinearly. */
import { clamp, newPicture, newPlane, toByte, type Picture, type Plane } from './types'

const { fround } = Math
const NOTHING = 1e-3 // of a pixel: a smaller share is not counted

/** Which pixels of a line each pixel of a shorter one takes, and their shares. */
interface Shares {
  readonly first: Int32Array
  readonly weights: readonly Float32Array[]
}

function shares(from: number, to: number): Shares {
  const scale = from / to
  const first = new Int32Array(to)
  const weights = Array.from({ length: to }, (_, k) => {
    const [low, high] = [k * scale, (k + 1) * scale]
    const wide = Math.min(scale, from - low)
    const [whole, end] = [Math.ceil(low), Math.min(Math.floor(high), from)]
    const before = whole - low > NOTHING ? [(whole - low) / wide] : []
    const after = high - end > NOTHING && end < from ? [Math.min(high - end, 1, wide) / wide] : []
    first[k] = whole - before.length
    return Float32Array.from([...before, ...Array<number>(Math.max(0, end - whole)).fill(1 / wide), ...after])
  })
  return { first, weights }
}

/** Means of what each pixel of a smaller grid covers, in float32 step by step, as the reference rounds. */
function average(
  data: ArrayLike<number>, width: number, height: number, channels: number, toWidth: number, toHeight: number,
): Float32Array {
  const across = shares(width, toWidth)
  const down = shares(height, toHeight)
  const out = new Float32Array(toWidth * toHeight * channels)
  for (let y = 0; y < toHeight; y++) {
    const tall = down.weights[y]!
    for (let x = 0; x < toWidth; x++) {
      const wide = across.weights[x]!
      for (let k = 0; k < channels; k++) {
        let sum = 0
        for (let j = 0; j < tall.length; j++) {
          let row = 0
          let from = ((down.first[y]! + j) * width + across.first[x]!) * channels + k
          for (let i = 0; i < wide.length; i++, from += channels) row = fround(row + fround(data[from]! * wide[i]!))
          sum = fround(sum + fround(tall[j]! * row))
        }
        out[(y * toWidth + x) * channels + k] = sum
      }
    }
  }
  return out
}

/** A picture made smaller; each pixel is the mean of those that it covers. */
export function shrinkPicture(picture: Picture, width: number, height: number): Picture {
  const mean = average(picture.data, picture.width, picture.height, 3, width, height)
  const out = newPicture(width, height)
  const isHalf = picture.width === 2 * width && picture.height === 2 * height
  const round = isHalf ? (value: number): number => Math.floor(value + 0.5) : toByte // as the reference rounds
  for (let i = 0; i < mean.length; i++) out.data[i] = round(mean[i]!)
  return out
}

/** A plane of one channel made smaller in the same way. */
export function shrinkPlane(plane: Plane, width: number, height: number): Plane {
  return { width, height, channels: 1, data: average(plane.data, plane.width, plane.height, 1, width, height) }
}

/** A plane of one channel made larger, bilinearly; its border is repeated. */
export function enlargePlane(plane: Plane, width: number, height: number): Plane {
  const out = newPlane(width, height)
  const [sx, sy] = [plane.width / width, plane.height / height]
  for (let y = 0, at = 0; y < height; y++) {
    const fy = clamp((y + 0.5) * sy - 0.5, 0, plane.height - 1)
    const y0 = Math.floor(fy)
    const y1 = Math.min(y0 + 1, plane.height - 1)
    for (let x = 0; x < width; x++, at++) {
      const fx = clamp((x + 0.5) * sx - 0.5, 0, plane.width - 1)
      const x0 = Math.floor(fx)
      const x1 = Math.min(x0 + 1, plane.width - 1)
      const over = between(plane.data[y0 * plane.width + x0]!, plane.data[y0 * plane.width + x1]!, fx - x0)
      const under = between(plane.data[y1 * plane.width + x0]!, plane.data[y1 * plane.width + x1]!, fx - x0)
      out.data[at] = between(over, under, fy - y0)
    }
  }
  return out
}

function between(a: number, b: number, share: number): number {
  return a + (b - a) * share
}
