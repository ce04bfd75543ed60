/** Planes and pictures moved by an affine map, read bilinearly. */
import { inverse, type Affine } from './affine'
import { clamp, newPicture, newPlane, roundEven, toByte, type Picture, type Plane } from './types'

/** What lies beyond the edge: nothing, or the edge's own pixels. */
export type Border = 'zero' | 'repeat'

const { fround } = Math
const [COARSE, FINE] = [32, 1024] // parts of a pixel that the reference counts in where it moves places

interface Grid {
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly data: ArrayLike<number>
}

/** Move a plane; `map` takes its pixels to those of the result. */
export function warpPlane(plane: Plane, map: Affine, width: number, height: number, border: Border = 'zero'): Plane {
  const out = newPlane(width, height, plane.channels)
  warp(plane, map, border, out)
  return out
}

/** Move a picture; its border is repeated. */
export function warpPicture(picture: Picture, map: Affine, width: number, height: number): Picture {
  const made = { width, height, channels: 3, data: new Float32Array(width * height * 3) }
  warp({ ...picture, channels: 3 }, map, 'repeat', made)
  const out = newPicture(width, height)
  for (let i = 0; i < out.data.length; i++) out.data[i] = toByte(made.data[i]!)
  return out
}

/**
 * Move a plane of places, two channels; its border is repeated.
 *
 * The reference reads such a plane at steps of 1/32 of a pixel; so does this, or moved pictures would differ visibly.
 *
 * @param alpha where it is 0 nothing is worked out, as nobody will see it.
 */
export function warpPlaces(places: Plane, map: Affine, width: number, height: number, alpha?: Plane): Plane {
  const [a, b, c, d, e, f] = inverse(map)
  const out = newPlane(width, height, 2)
  const [right, bottom] = [places.width - 1, places.height - 1]
  const { data } = places
  const made = out.data
  const shares = alpha?.data
  for (let y = 0, at = 0; y < height; y++) {
    const rowX = roundEven((b * y + c) * FINE) + COARSE / 2
    const rowY = roundEven((e * y + f) * FINE) + COARSE / 2
    for (let x = 0; x < width; x++, at += 2) {
      if (shares && shares[at >> 1] === 0) continue
      const sx = (rowX + roundEven(a * x * FINE)) >> 5
      const sy = (rowY + roundEven(d * x * FINE)) >> 5
      const x0 = clamp(sx >> 5, 0, right)
      const x1 = clamp((sx >> 5) + 1, 0, right)
      const y0 = clamp(sy >> 5, 0, bottom) * places.width
      const y1 = clamp((sy >> 5) + 1, 0, bottom) * places.width
      const wx = (sx & 31) / COARSE
      const wy = (sy & 31) / COARSE
      for (let k = 0; k < 2; k++) {
        const over = data[2 * (y0 + x0) + k]! * (1 - wx) + data[2 * (y0 + x1) + k]! * wx
        const under = data[2 * (y1 + x0) + k]! * (1 - wx) + data[2 * (y1 + x1) + k]! * wx
        made[at + k] = over * (1 - wy) + under * wy
      }
    }
  }
  return out
}

function warp(source: Grid, map: Affine, border: Border, out: Plane): void {
  const [a, b, c, d, e, f] = inverse(map).map(fround) as unknown as Affine // in float32, as the reference
  const { width, height, channels, data } = source
  const [right, bottom] = [width - 1, height - 1]
  const isZero = border === 'zero'
  const made = out.data
  for (let y = 0, at = 0; y < out.height; y++) {
    const rowX = fround(fround(b * y) + c)
    const rowY = fround(fround(e * y) + f)
    for (let x = 0; x < out.width; x++, at += channels) {
      const sx = fround(a * x + rowX) // the product is not rounded by itself: a fused multiply-add in the reference
      const sy = fround(d * x + rowY)
      const left = Math.floor(sx)
      const top = Math.floor(sy)
      const wx = sx - left
      const wy = sy - top
      if (isZero && (left < 0 || top < 0 || left >= right || top >= bottom)) {
        readZero(source, left, top, wx, wy, made, at)
        continue
      }
      const x0 = clamp(left, 0, right)
      const x1 = clamp(left + 1, 0, right)
      const y0 = clamp(top, 0, bottom) * width
      const y1 = clamp(top + 1, 0, bottom) * width
      const p = (y0 + x0) * channels
      const q = (y0 + x1) * channels
      const r = (y1 + x0) * channels
      const s = (y1 + x1) * channels
      for (let k = 0; k < channels; k++) {
        const over = data[p + k]! + wx * (data[q + k]! - data[p + k]!)
        const under = data[r + k]! + wx * (data[s + k]! - data[r + k]!)
        made[at + k] = over + wy * (under - over)
      }
    }
  }
}

function readZero(
  source: Grid, left: number, top: number, wx: number, wy: number, out: Float32Array, at: number,
): void {
  const { width, height, channels, data } = source
  if (left < -1 || top < -1 || left >= width || top >= height) return
  for (let dy = 0; dy < 2; dy++) {
    for (let dx = 0; dx < 2; dx++) {
      const [x, y] = [left + dx, top + dy]
      if (x < 0 || y < 0 || x >= width || y >= height) continue
      const share = (dx ? wx : 1 - wx) * (dy ? wy : 1 - wy)
      for (let k = 0; k < channels; k++) out[at + k]! += share * data[(y * width + x) * channels + k]!
    }
  }
}
