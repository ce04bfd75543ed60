/** Erosion of a plane by a disc; its border is repeated. */
import { clamp, newPlane, roundEven, type Plane } from './types'

/** The least value within `radius` pixels. */
export function erode(plane: Plane, radius: number): Plane {
  const { width, height, data } = plane
  const out = newPlane(width, height)
  const reach = Array.from({ length: 2 * radius + 1 }, (_, k) =>
    roundEven(radius * Math.sqrt(Math.max(0, 1 - ((k - radius) / radius) ** 2))),
  )
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      let least = Infinity
      for (let dy = -radius; dy <= radius; dy++) {
        const row = clamp(y + dy, 0, height - 1) * width
        const wide = reach[dy + radius]!
        for (let dx = -wide; dx <= wide; dx++) least = Math.min(least, data[row + clamp(x + dx, 0, width - 1)]!)
      }
      out.data[at] = least
    }
  }
  return out
}
