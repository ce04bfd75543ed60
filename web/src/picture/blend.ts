/** Pictures mixed and shaded. */
import { newPicture, toByte, type Picture, type Plane } from './types'

const TINY = 1e-5

/** under ← alpha · over + (1 − alpha) · under, in place; where alpha is 0 not one bit changes. */
export function mixInto(under: Picture, over: Picture, alpha: Plane | number): void {
  const below = under.data
  const above = over.data
  const shares = typeof alpha === 'number' ? undefined : alpha.data
  for (let i = 0, at = 0; at < below.length; i++, at += 3) {
    const share = shares ? shares[i]! : (alpha as number)
    if (share === 0) continue
    const rest = 1 - share
    const whole = 1 / (share + rest + TINY)
    below[at] = toByte((above[at]! * share + below[at]! * rest) * whole)
    below[at + 1] = toByte((above[at + 1]! * share + below[at + 1]! * rest) * whole)
    below[at + 2] = toByte((above[at + 2]! * share + below[at + 2]! * rest) * whole)
  }
}

/**
 * A picture times a light.
 *
 * @param powers of the light for blue, green and red.
 * @param alpha where it is 0 nothing is worked out, as nobody will see it.
 */
export function shaded(
  picture: Picture, light: Plane, powers: readonly [number, number, number], alpha: Plane,
): Picture {
  const out = newPicture(picture.width, picture.height)
  for (let i = 0, at = 0; at < out.data.length; i++, at += 3) {
    if (alpha.data[i] === 0) continue
    const here = light.data[i]!
    for (let k = 0; k < 3; k++) {
      const shade = powers[k] === 1 ? here : here ** powers[k]!
      out.data[at + k] = toByte(picture.data[at + k]! * shade)
    }
  }
  return out
}
