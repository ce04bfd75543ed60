/** Where a mouth's landmarks shall lie for the shape that is asked; first half of `render/exemplars/reshape.py`. */
import {
  CHIN, JAW, LIP_POINTS, LOWER_INNER, LOWER_OUTER, NOSE_BASE, UPPER_INNER, UPPER_OUTER, type FaceShape, type Shape,
} from '../face/landmarks'
import { interpolate, neverFalling } from '../picture/interpolate'
import { clamp, smooth } from '../picture/types'

const MOST_WIDER = 0.12 // of the width: how far the mouth is pulled wide or pressed narrow
const UPPER_SHARE = 0.25 // of a change of the opening; the lower lip makes the rest
const JAW_SHARE = [0, 0, 0.2, 0.65, 0.95, 1, 0.95, 0.65, 0.2, 0, 0] // from ear to ear
const TURNED = [20, 34] as const // degrees of yaw: between these the chin stops following, its far side is not seen
const TUCK_PRESS = 0.7 // of PRESS: how much of the lower lip is rolled in under the teeth
const TUCK_RAISE = 0.024 // eye distances that the lower lip's outer line comes up meanwhile
const [PRESSED, SEALED] = [0.03, 0.015] // asked opening where lips begin to be rolled in, and where they are
const SHUT_BEFORE = [0.015, 0.035] as const // opening of a picture's own lips: below the first they meet already
const PRESS = 0.025 // eye distances of each lip that are rolled in where lips are asked to be shut

/** So many pixels of the upper and of the lower lip's inner edge that are rolled in, out of sight. */
export type Press = readonly [number, number]

/** Of both lips where they are shut, `both` of 0 … 1, of the lower one under teeth; `unit` pixels of an eye distance. */
export function pressed(both: number, tuck: number, unit: number): Press {
  return [both * PRESS * unit, Math.max(both, TUCK_PRESS * tuck) * PRESS * unit]
}

/**
 * Points, x, y, … in crop pixels, of a face whose own lips and chin are moved to the asked shape.
 *
 * @param tuck how far the lower lip is under the upper teeth: then it stays there, and the upper one is lifted off it.
 */
export function goal(face: FaceShape, asked: Shape, tuck: number): Float32Array {
  const points = Float32Array.from(face.points)
  const lips = face.points.subarray(0, 2 * LIP_POINTS)
  const most = MOST_WIDER * face.shape[1]
  const wider = clamp(asked[1] - face.shape[1], -most, most)
  const taller = asked[0] - face.shape[0]
  const [lx, ly, rx, ry] = [lips[0]!, lips[1]!, lips[20]!, lips[21]!]
  const half = Math.max(Math.hypot(rx - lx, ry - ly) / 2, 1)
  const [mx, my] = [(lx + rx) / 2, (ly + ry) / 2]
  const [ax, ay] = [(rx - lx) / (2 * half), (ry - ly) / (2 * half)]
  const place = Float64Array.from(
    { length: LIP_POINTS }, (_, k) => ((lips[2 * k]! - mx) * ax + (lips[2 * k + 1]! - my) * ay) / half,
  )
  const spread = (wider * face.unit * Math.cos((face.yaw * Math.PI) / 180)) / (2 * half)
  const taper = taller > 0 ? place.map((p) => clamp(1 - p * p, 0, 1)) : gaps(lips, place, -ay, ax)
  const share = UPPER_SHARE + tuck * ((taller > 0 ? 1 : 0) - UPPER_SHARE)
  const upper = new Set([...UPPER_OUTER.slice(1, -1), ...UPPER_INNER.slice(1, -1)])
  for (let k = 0; k < LIP_POINTS; k++) {
    const aside = place[k]! * half * spread
    const down = (upper.has(k) ? -share : 1 - share) * taper[k]! * taller * face.unit
    points[2 * k] = lips[2 * k]! + aside * ax - down * ay
    points[2 * k + 1] = lips[2 * k + 1]! + aside * ay + down * ax
  }
  for (const k of LOWER_OUTER.slice(1, -1)) {
    const rise = tuck * TUCK_RAISE * clamp(1 - place[k]! ** 2, 0, 1) * face.unit
    points[2 * k]! += rise * ay
    points[2 * k + 1]! -= rise * ax
  }
  const lower = (asked[2] - face.shape[2]) * face.unit * facing(face.yaw)
  const [wx, wy] = downTheFace(face.points)
  JAW.forEach((k, n) => {
    points[2 * k]! += JAW_SHARE[n]! * lower * wx
    points[2 * k + 1]! += JAW_SHARE[n]! * lower * wy
  })
  return points
}

/** How far apart the inner lips stand at each point's place, 1 in the middle: so lips that close meet everywhere at once. */
function gaps(lips: Float32Array, place: Float64Array, dx: number, dy: number): Float64Array {
  const down = (k: number): number => lips[2 * k]! * dx + lips[2 * k + 1]! * dy
  const line = (part: number[]): [Float64Array, number[]] => [neverFalling(part.map((k) => place[k]!)), part.map(down)]
  const [upper, lower] = [line(UPPER_INNER), line(LOWER_INNER)]
  const middle = [4, 5, 6].reduce((sum, k) => sum + lower[1][k]! - upper[1][k]!, 0) / 3
  return place.map((p) => {
    const gap = Math.max(interpolate(p, ...lower) - interpolate(p, ...upper), 0)
    return clamp(gap / Math.max(middle, 1e-3), 0, 1.3) * clamp((1 - Math.abs(p)) / 0.1, 0, 1)
  })
}

/** 1 for a face that looks ahead, falling smoothly to 0 for one whose far jaw is not seen. */
export function facing(yaw: number): number {
  return 1 - smooth((Math.abs(yaw) - TURNED[0]) / (TURNED[1] - TURNED[0]))
}

/** How far shut lips are rolled in, 0 … 1 times PRESS: a slit that landmarks take for shut is shut by that. */
export function pressOf(asked: Shape): number {
  return smooth((PRESSED - asked[0]) / (PRESSED - SEALED))
}

/** How far a picture's own lips, so many eye distances open, are apart, 0 … 1: shut ones need no rolling in. */
export function parted(opening: number): number {
  return smooth((opening - SHUT_BEFORE[0]) / (SHUT_BEFORE[1] - SHUT_BEFORE[0]))
}

function downTheFace(points: Float32Array): [number, number] {
  const x = points[2 * CHIN]! - points[2 * NOSE_BASE]!
  const y = points[2 * CHIN + 1]! - points[2 * NOSE_BASE + 1]!
  const length = Math.max(Math.hypot(x, y), 1e-6)
  return [x / length, y / length]
}
