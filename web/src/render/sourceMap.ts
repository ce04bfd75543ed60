/** The map that moves a face to other landmarks; second half of `render/exemplars/reshape.py`. All in crop pixels. */
import { JAW, LOWER_INNER, LOWER_OUTER, NOSE_BASE, UPPER_INNER, UPPER_OUTER } from '../face/landmarks'
import { interpolate, neverFalling } from '../picture/interpolate'
import { clamp, smooth } from '../picture/types'
import type { Press } from './goal'

const BELOW = 0.13 // of the crop: so far under the chin nothing moves any more
const JAW_BELOW = 0.16 // of the crop: so far below the mouth the jaw must be for a column to move freely
const ASIDE = 0.8 // of the mouth's width: so far beside its corners nothing moves sideways
const [THIN, ROLLED] = [0.06, 0.6] // of the mouth's width: what is left of a lip at least; of what is beyond, at most
const GAP = 0.02 // pixels between the knots of a column at least
const KNOTS = 7 // nose base, upper lip outside and in, lower lip in and outside, chin, below

/** Where each place of a grid comes from. */
export interface SourceMap {
  readonly x: Float32Array
  readonly y: Float32Array
}

/** What is where in each column of a result, and where it comes from. */
export interface Lines {
  /** Rows of each column's knots. */
  readonly there: Float64Array[]
  /** The same in the picture that is read. */
  readonly here: Float64Array[]
  /** How far beside it a column comes from. */
  readonly aside: Float32Array
  /** 1 near the mouth, 0 where nothing moves. */
  readonly near: Float64Array
}

/**
 * Lay the lines of a result and of the picture that is read through columns.
 *
 * @param result landmarks of the result, x, y, …
 * @param source the same of the picture that is read.
 * @param columns of the grid.
 * @param side of the crop.
 * @param press of the upper and of the lower lip, rolled in.
 */
export function linesOf(
  result: Float32Array, source: Float32Array, columns: Float32Array, side: number, press: Press,
): Lines {
  const aside = sideways(result, source, columns)
  const top = result[2 * NOSE_BASE + 1]!
  const there = knots(result, columns, top, side)
  const here = knots(source, columns.map((x, k) => x + aside[k]!), top, side)
  if (Math.max(...press) > 0) pressIn(here, columns, result, press)
  const wide = Math.max(result[20]! - result[0]!, 8)
  const middle = (result[0]! + result[20]!) / 2
  const near = Float64Array.from(columns, (x, c) => {
    const [t, h] = [there[c]!, here[c]!]
    h[6] = Math.max(h[5]! + 1, t[6]!) // under the chin nothing moves
    const nearJaw = smooth((t[5]! - t[4]!) / (JAW_BELOW * side)) // where the jaw's line runs up, nothing moves
    return nearJaw * (1 - smooth((Math.abs(x - middle) / wide - 0.9) / 0.7))
  })
  return { there, here, aside, near }
}

/** Where each place of a grid of whole columns and rows comes from, by the lines through its columns. */
export function sourceMap({ there, here, aside, near }: Lines, columns: Float32Array, rows: Float32Array): SourceMap {
  const width = columns.length
  const map = { x: new Float32Array(width * rows.length), y: new Float32Array(width * rows.length) }
  for (let c = 0; c < width; c++) {
    const [t, h] = [there[c]!, here[c]!]
    for (let r = 0, at = c; r < rows.length; r++, at += width) {
      const y = rows[r]!
      const inside = y > t[2]! && y < t[3]!
      const moved = inside ? teeth(y, t, h) : stretched(y, t, h)
      const down = smooth((y - t[0]!) / Math.max(t[1]! - t[0]!, 1))
      const up = smooth((t[5]! - y) / Math.max(t[5]! - t[4]!, 1))
      map.x[at] = columns[c]! + aside[c]! * down * up
      map.y[at] = y + (moved - y) * near[c]!
    }
  }
  return map
}

function stretched(y: number, there: Float64Array, here: Float64Array): number {
  let moved = here[0]! + Math.min(y - there[0]!, 0)
  for (let k = 0; k + 1 < KNOTS; k++) {
    moved += clamp((y - there[k]!) / (there[k + 1]! - there[k]!), 0, 1) * (here[k + 1]! - here[k]!)
  }
  return moved + Math.max(y - there[KNOTS - 1]!, 0)
}

/** The inside moves like teeth: the upper row with the head, the lower one with its lip. */
function teeth(y: number, there: Float64Array, here: Float64Array): number {
  const [top, bottom] = [there[2]!, there[3]!]
  const back = Math.max(here[2]! - top, 0)
  const upper = back * (1 - smooth((y - top) / Math.max(2 * back, 0.5)))
  const share = smooth((y - top) / Math.max(bottom - top, 1))
  return clamp(y + (1 - share) * upper + share * (here[3]! - bottom), here[2]!, here[3]!)
}

function sideways(result: Float32Array, source: Float32Array, columns: Float32Array): Float32Array {
  const aside = ASIDE * Math.max(result[20]! - result[0]!, 8)
  const ends = [Math.min(result[0]!, source[0]!) - aside, Math.max(result[20]!, source[20]!) + aside] as const
  const line = (points: Float32Array): number[] => [
    ends[0], points[0]!, (points[10]! + points[30]!) / 2, points[20]!, ends[1],
  ]
  const there = line(result)
  const way = line(source).map((x, k) => x - there[k]!)
  return columns.map((x) => interpolate(x, there, way))
}

/** Rows of the knots of each column. */
function knots(points: Float32Array, columns: Float32Array, top: number, side: number): Float64Array[] {
  const lines = [UPPER_OUTER, UPPER_INNER, LOWER_INNER, LOWER_OUTER, JAW].map((part) => ({
    x: neverFalling(part.map((k) => points[2 * k]!)),
    y: part.map((k) => points[2 * k + 1]!),
  }))
  return Array.from(columns, (x) => {
    const rows = neverFalling([top, ...lines.map((line) => interpolate(x, line.x, line.y))]).map((y, k) => y + GAP * k)
    return Float64Array.from([...rows, rows[5]! + BELOW * side])
  })
}

/** Move the inner edges of the lips into them, in place; lips that are pressed together already are thin, and stay. */
function pressIn(here: Float64Array[], columns: Float32Array, result: Float32Array, press: Press): void {
  const wide = Math.max(result[20]! - result[0]!, 1)
  here.forEach((h, c) => {
    const place = (2 * (columns[c]! - result[0]!)) / wide - 1
    const share = clamp(2 * (1 - Math.abs(place)), 0, 1)
    const upper = ROLLED * Math.max(h[2]! - h[1]! - THIN * wide, 0)
    const lower = ROLLED * Math.max(h[4]! - h[3]! - THIN * wide, 0)
    h[2]! -= Math.min(share * press[0], upper)
    h[3]! += Math.min(share * press[1], lower)
  })
}
