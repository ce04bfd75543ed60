/**
 * Filled polygons, hard and soft, drawn as the reference library draws them.
 *
 * Corners are first rounded to 1/16 of a pixel, and then to whole rows; the edge's own pixels count as inside. Masks that
 * were drawn otherwise, half a pixel narrower say, would differ visibly where lips part.
 */
import { interpolate } from './interpolate'
import { newPlane, roundEven, type Plane } from './types'

/** Cover of an anti-aliased line's pixels by their distance from it, in steps of 1/16 pixel along a row or column. */
const COVER = [
  235, 232, 227, 227, 223, 216, 205, 193, 180, 158, 143, 126, 109, 95, 79, 65, 58, 47, 37, 29, 21, 15, 12, 8, 6, 0,
].map((level) => level / 255)
const STEPS = COVER.map((_, k) => k / 16)
const SLOPES = [0, 0.1, 0.26, 0.5, 0.8, 1] // of lines that run aslant: they cover more
const MORE = [1, 1, 1.027, 1.11, 1.22, 1.34]
const BEFORE = [-1, 0, 0.5, 1] // pixels that a column lies behind the line's end
const PART = [0, 0.55, 0.83, 1] // of the line's cover there

type Corners = Float64Array // x, y, x, y, …

/** Which pixels of a grid a polygon encloses: 1 inside, 0 outside; points x, y, … in pixels. */
export function fillPolygon(points: ArrayLike<number>, width: number, height: number): Plane {
  const corners = rounded(points)
  const mask = newPlane(width, height)
  eachEdge(corners, (x0, y0, x1, y1) => hardLine(mask, Math.floor(x0 + 0.5), y0, Math.floor(x1 + 0.5), y1))
  fill(mask, corners, 1)
  return mask
}

/** A mask of what a polygon encloses, 0 … 255, its edge anti-aliased outwards. */
export function softPolygon(points: ArrayLike<number>, width: number, height: number): Plane {
  const corners = rounded(points)
  const mask = newPlane(width, height)
  eachEdge(corners, (x0, y0, x1, y1) => softLine(mask, x0, y0, x1, y1))
  fill(mask, corners, 255)
  return mask
}

function rounded(points: ArrayLike<number>): Corners {
  return Float64Array.from(points, (value, k) => {
    const sixteenths = roundEven(value * 16)
    return k % 2 === 0 ? sixteenths / 16 : Math.floor((sixteenths + 8) / 16)
  })
}

function eachEdge(corners: Corners, draw: (x0: number, y0: number, x1: number, y1: number) => void): void {
  for (let k = 0; k < corners.length; k += 2) {
    const next = (k + 2) % corners.length
    draw(corners[k]!, corners[k + 1]!, corners[next]!, corners[next + 1]!)
  }
}

function fill(mask: Plane, corners: Corners, value: number): void {
  for (let y = 0; y < mask.height; y++) {
    const crossings: number[] = []
    eachEdge(corners, (x0, y0, x1, y1) => {
      if (y0 <= y !== y1 <= y) crossings.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0))
    })
    crossings.sort((a, b) => a - b)
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      const first = Math.max(0, Math.ceil(crossings[k]!))
      const last = Math.min(mask.width - 1, Math.floor(crossings[k + 1]!))
      for (let x = first; x <= last; x++) mask.data[y * mask.width + x] = value
    }
  }
}

/** Bresenham's line between whole pixels. */
function hardLine(mask: Plane, x0: number, y0: number, x1: number, y1: number): void {
  const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0))
  for (let k = 0; k <= steps; k++) {
    const part = steps ? k / steps : 0
    const [x, y] = [Math.round(x0 + part * (x1 - x0)), Math.round(y0 + part * (y1 - y0))]
    if (x >= 0 && y >= 0 && x < mask.width && y < mask.height) mask.data[y * mask.width + x] = 1
  }
}

/** A line of about a pixel's width, laid over what is there: three pixels across it at each step along it. */
function softLine(mask: Plane, x0: number, y0: number, x1: number, y1: number): void {
  const isFlat = Math.abs(x1 - x0) >= Math.abs(y1 - y0)
  const ends: [number, number, number, number] = isFlat ? [x0, y0, x1, y1] : [y0, x0, y1, x1]
  const [u0, v0, u1, v1] = ends[0] <= ends[2] ? ends : [ends[2], ends[3], ends[0], ends[1]]
  if (u0 === u1) return
  const slope = (v1 - v0) / (u1 - u0)
  const more = interpolate(Math.abs(slope), SLOPES, MORE)
  for (let u = Math.floor(u0); u <= Math.floor(u1) + 1; u++) {
    const part = interpolate(u - u0, BEFORE, PART) * interpolate(u1 - u, BEFORE, PART)
    const centre = v0 + (u - u0) * slope
    for (let v = Math.floor(centre) - 1; v <= Math.floor(centre) + 2; v++) {
      const [x, y] = isFlat ? [u, v] : [v, u]
      if (x < 0 || y < 0 || x >= mask.width || y >= mask.height) continue
      const cover = Math.min(1, interpolate(Math.abs(v - centre), STEPS, COVER) * more) * part
      const at = y * mask.width + x
      mask.data[at]! += (255 - mask.data[at]!) * cover
    }
  }
}
