/** Planes and pictures read at given places; their border is repeated. */
import { clamp, newPicture, newPlane, toByte, type Picture, type Plane } from './types'

const SHARPNESS = -0.75 // of the cubic kernel

/**
 * Read a picture by bicubic interpolation.
 *
 * @param at x and y of each pixel of the result, two channels, in pixels of the picture.
 * @param alpha where it is 0 nothing is read, as nobody will see it.
 */
export function remapPicture(picture: Picture, at: Plane, alpha?: Plane): Picture {
  const out = newPicture(at.width, at.height)
  const { width, height, data } = picture
  const stride = width * 3
  const place = at.data
  const made = out.data
  const shares = alpha?.data
  for (let i = 0, o = 0; o < made.length; i += 2, o += 3) {
    if (shares && shares[i >> 1] === 0) continue
    const x = place[i]!
    const y = place[i + 1]!
    const left = Math.floor(x)
    const top = Math.floor(y)
    const wx = x - left
    const wy = y - top
    const a0 = far(wx + 1)
    const a1 = near(wx)
    const a2 = near(1 - wx)
    const a3 = 1 - a0 - a1 - a2
    const b0 = far(wy + 1)
    const b1 = near(wy)
    const b2 = near(1 - wy)
    const b3 = 1 - b0 - b1 - b2
    const x0 = clamp(left - 1, 0, width - 1) * 3
    const x1 = clamp(left, 0, width - 1) * 3
    const x2 = clamp(left + 1, 0, width - 1) * 3
    const x3 = clamp(left + 2, 0, width - 1) * 3
    const r0 = clamp(top - 1, 0, height - 1) * stride
    const r1 = clamp(top, 0, height - 1) * stride
    const r2 = clamp(top + 1, 0, height - 1) * stride
    const r3 = clamp(top + 2, 0, height - 1) * stride
    for (let k = 0; k < 3; k++) {
      const p = r0 + k
      const q = r1 + k
      const r = r2 + k
      const s = r3 + k
      const first = a0 * data[p + x0]! + a1 * data[p + x1]! + a2 * data[p + x2]! + a3 * data[p + x3]!
      const second = a0 * data[q + x0]! + a1 * data[q + x1]! + a2 * data[q + x2]! + a3 * data[q + x3]!
      const third = a0 * data[r + x0]! + a1 * data[r + x1]! + a2 * data[r + x2]! + a3 * data[r + x3]!
      const fourth = a0 * data[s + x0]! + a1 * data[s + x1]! + a2 * data[s + x2]! + a3 * data[s + x3]!
      made[o + k] = toByte(b0 * first + b1 * second + b2 * third + b3 * fourth)
    }
  }
  return out
}

/** Weight of a neighbour less than a pixel away. */
function near(away: number): number {
  return ((SHARPNESS + 2) * away - (SHARPNESS + 3)) * away * away + 1
}

/** Weight of a neighbour one to two pixels away. */
function far(away: number): number {
  return ((SHARPNESS * away - 5 * SHARPNESS) * away + 8 * SHARPNESS) * away - 4 * SHARPNESS
}

/** Read a plane of one channel bilinearly at places x, y in its own pixels. */
export function remapPlane(plane: Plane, x: Float32Array, y: Float32Array, width: number): Plane {
  const out = newPlane(width, x.length / width)
  const { width: across, height: down, data } = plane
  for (let i = 0; i < x.length; i++) {
    const left = Math.floor(x[i]!)
    const top = Math.floor(y[i]!)
    const wx = x[i]! - left
    const wy = y[i]! - top
    const x0 = clamp(left, 0, across - 1)
    const x1 = clamp(left + 1, 0, across - 1)
    const y0 = clamp(top, 0, down - 1) * across
    const y1 = clamp(top + 1, 0, down - 1) * across
    const over = data[y0 + x0]! + wx * (data[y0 + x1]! - data[y0 + x0]!)
    const under = data[y1 + x0]! + wx * (data[y1 + x1]! - data[y1 + x0]!)
    out.data[i] = over + wy * (under - over)
  }
  return out
}
