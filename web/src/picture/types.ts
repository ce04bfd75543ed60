/** The value types of pictures. */

/** Grey levels, uint8, three channels interleaved in the order blue, green, red, as the networks eat them. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** Numbers over a grid, float32, channels interleaved. */
export interface Plane {
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly data: Float32Array
}

/** A rectangle of whole pixels, [y1, y2) × [x1, x2). */
export interface Region {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
}

export function newPicture(width: number, height: number): Picture {
  return { width, height, data: new Uint8Array(width * height * 3) }
}

export function newPlane(width: number, height: number, channels = 1): Plane {
  return { width, height, channels, data: new Float32Array(width * height * channels) }
}

/** A copy of a part of a picture. */
export function cutOut(picture: Picture, { x1, y1, x2, y2 }: Region): Picture {
  const part = newPicture(x2 - x1, y2 - y1)
  for (let y = y1; y < y2; y++) {
    const from = (y * picture.width + x1) * 3
    part.data.set(picture.data.subarray(from, from + part.width * 3), (y - y1) * part.width * 3)
  }
  return part
}

/** Lay a picture over a part of another, in place. */
export function layInto(picture: Picture, part: Picture, x1: number, y1: number): void {
  for (let y = 0; y < part.height; y++) {
    const row = part.data.subarray(y * part.width * 3, (y + 1) * part.width * 3)
    picture.data.set(row, ((y + y1) * picture.width + x1) * 3)
  }
}

/** A number as a grey level: rounded to the nearest, halves to even, 0 … 255. */
export function toByte(value: number): number {
  if (!(value > 0)) return 0
  return value >= 255 ? 255 : roundEven(value)
}

/** A number rounded to the nearest whole one, halves to the even one. */
export function roundEven(value: number): number {
  const low = Math.floor(value)
  const rest = value - low
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1
  return low % 2 === 0 ? low : low + 1
}

export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value
}

/** 0 below 0, 1 above 1, a smooth step between. */
export function smooth(part: number): number {
  const clipped = clamp(part, 0, 1)
  return clipped * clipped * (3 - 2 * clipped)
}
