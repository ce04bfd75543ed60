/** Pictures mixed and shaded. */
import { newPicture, toByte, type Picture, type Plane } from './types'

const TINY = 1e-5

/** under ← alpha · over + (1 − alpha) · under, in place; where alpha is 0 not one bit changes. */
export function mixInto(under: Picture, over: Picture, alpha: Plane | number): void {
  for (let i = 0, at = 0; at < under.data.length; i++, at += 3) {
    const share = typeof alpha === 'number' ? alpha : alpha.data[i]!
    if (share === 0) continue
    const rest = 1 - share
    const whole = 1 / (share + rest + TINY)
    for (let k = at; k < at + 3; k++) under.data[k] = toByte((over.data[k]! * share + under.data[k]! * rest) * whole)
  }
}

/** A picture times a light; `powers` of it for blue, green and red. */
export function shaded(picture: Picture, light: Plane, powers: readonly [number, number, number]): Picture {
  const out = newPicture(picture.width, picture.height)
  for (let i = 0, at = 0; at < out.data.length; i++, at += 3) {
    const here = light.data[i]!
    for (let k = 0; k < 3; k++) out.data[at + k] = toByte(picture.data[at + k]! * here ** powers[k]!)
  }
  return out
}
