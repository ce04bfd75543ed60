/** Affine maps of the plane, and the similarity that lays points on others. */

/** Row by row: x' = a·x + b·y + c, y' = d·x + e·y + f. */
export type Affine = readonly [number, number, number, number, number, number]

/** Points as x, y, x, y, … */
export type Points = Float32Array | Float64Array

export function inverse([a, b, c, d, e, f]: Affine): Affine {
  const size = a * e - b * d
  const k = size === 0 ? 0 : 1 / size
  const [ia, ib, id, ie] = [e * k, -b * k, -d * k, a * k]
  return [ia, ib, -ia * c - ib * f, id, ie, -id * c - ie * f]
}

/** The map that does `first`, then `second`. */
export function joined(second: Affine, first: Affine): Affine {
  const [a, b, c, d, e, f] = second
  const [p, q, r, s, t, u] = first
  return [a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f]
}

export function moved([a, b, c, d, e, f]: Affine, x: number, y: number): Affine {
  return [a, b, c + x, d, e, f + y]
}

export function apply([a, b, c, d, e, f]: Affine, x: number, y: number): [number, number] {
  return [a * x + b * y + c, d * x + e * y + f]
}

/** Pixels of the result for one of the source. */
export function scaleOf([a, , , d]: Affine): number {
  return Math.hypot(a, d)
}

/** The least-squares similarity that takes points to points (Umeyama, PAMI 1991, without reflection). */
export function similarity(source: ArrayLike<number>, target: ArrayLike<number>): Affine {
  const count = source.length / 2
  const [ax, ay] = mean(source)
  const [bx, by] = mean(target)
  let spread = 0
  let cos = 0
  let sin = 0
  for (let k = 0; k < count; k++) {
    const [x, y] = [source[2 * k]! - ax, source[2 * k + 1]! - ay]
    const [u, v] = [target[2 * k]! - bx, target[2 * k + 1]! - by]
    spread += x * x + y * y
    cos += x * u + y * v
    sin += x * v - y * u
  }
  spread = Math.max(spread, 1e-12)
  cos /= spread
  sin /= spread
  return [cos, -sin, bx - (cos * ax - sin * ay), sin, cos, by - (sin * ax + cos * ay)]
}

function mean(points: ArrayLike<number>): [number, number] {
  let x = 0
  let y = 0
  for (let k = 0; k < points.length; k += 2) {
    x += points[k]!
    y += points[k + 1]!
  }
  return [x / (points.length / 2), y / (points.length / 2)]
}
