/** Pictures as browsers hold them: red, green, blue, opacity. */
import { newPicture, type Picture } from './types'

/** A browser's pixels as a picture. */
export function fromRgba(rgba: Uint8Array, width: number, height: number): Picture {
  const picture = newPicture(width, height)
  for (let k = 0, at = 0; k < picture.data.length; k += 3, at += 4) {
    picture.data[k] = rgba[at + 2]!
    picture.data[k + 1] = rgba[at + 1]!
    picture.data[k + 2] = rgba[at]!
  }
  return picture
}

/** A picture as a browser's pixels. */
export function toRgba({ data }: Picture): ArrayBuffer {
  const rgba = new Uint8Array((data.length / 3) * 4)
  for (let k = 0, at = 0; k < data.length; k += 3, at += 4) {
    rgba[at] = data[k + 2]!
    rgba[at + 1] = data[k + 1]!
    rgba[at + 2] = data[k]!
    rgba[at + 3] = 255
  }
  return rgba.buffer
}
