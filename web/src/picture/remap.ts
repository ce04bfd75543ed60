/** Planes and pictures read at given places; their border is repeated. */
import { clamp, newPicture, newPlane, toByte, type Picture, type Plane } from './types'

const SHARPNESS = -0.75 // of the cubic kernel

/** Weights of four neighbours of a place that lies `x`, 0 … 1, behind the second. */
function cubic(x: number, weights: Float64Array): void {
  const [a, far] = [SHARPNESS, x + 1]
  weights[0] = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a
  weights[1] = ((a + 2) * x - (a + 3)) * x * x + 1
  const rest = 1 - x
  weights[2] = ((a + 2) * rest - (a + 3)) * rest * rest + 1
  weights[3] = 1 - weights[0] - weights[1] - weights[2]
}

/**
 * Read a picture by bicubic interpolation.
 *
 * @param at x and y of each pixel of the result, two channels, in pixels of the picture.
 */
export function remapPicture(picture: Picture, at: Plane): Picture {
  const out = newPicture(at.width, at.height)
  const { width, height, data } = picture
  const stride = width * 3
  const across = new Float64Array(4)
  const down = new Float64Array(4)
  for (let i = 0, o = 0; o < out.data.length; i += 2, o += 3) {
    const [fx, fy] = [at.data[i]!, at.data[i + 1]!]
    const left = Math.floor(fx) - 1
    const top = Math.floor(fy) - 1
    const wx = fx - left - 1
    const wy = fy - top - 1
    if (wx === 0 && wy === 0) {
      const from = clamp(top + 1, 0, height - 1) * stride + clamp(left + 1, 0, width - 1) * 3
      out.data[o] = data[from]!
      out.data[o + 1] = data[from + 1]!
      out.data[o + 2] = data[from + 2]!
      continue
    }
    cubic(wx, across)
    cubic(wy, down)
    const inside = left >= 0 && top >= 0 && left + 3 < width && top + 3 < height
    let blue = 0
    let green = 0
    let red = 0
    for (let row = 0; row < 4; row++) {
      const y = inside ? top + row : clamp(top + row, 0, height - 1)
      for (let column = 0; column < 4; column++) {
        const x = inside ? left + column : clamp(left + column, 0, width - 1)
        const weight = down[row]! * across[column]!
        const from = y * stride + x * 3
        blue += weight * data[from]!
        green += weight * data[from + 1]!
        red += weight * data[from + 2]!
      }
    }
    out.data[o] = toByte(blue)
    out.data[o + 1] = toByte(green)
    out.data[o + 2] = toByte(red)
  }
  return out
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
