/** Values of a line of points, read between them. */

/** The value at x of a line through (xs, ys), xs not falling; its ends are held. */
export function interpolate(x: number, xs: ArrayLike<number>, ys: ArrayLike<number>): number {
  const last = xs.length - 1
  if (x >= xs[last]!) return ys[last]!
  if (x < xs[0]!) return ys[0]!
  let low = 0
  let high = last
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (xs[middle]! <= x) low = middle
    else high = middle
  }
  const wide = xs[high]! - xs[low]!
  return wide > 0 ? ys[low]! + ((ys[high]! - ys[low]!) / wide) * (x - xs[low]!) : ys[high]!
}

/** Each value the largest up to its own. */
export function neverFalling(values: ArrayLike<number>): Float64Array {
  let most = -Infinity
  return Float64Array.from(values, (value) => (most = Math.max(most, value)))
}
