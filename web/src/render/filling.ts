/** Filling a mouth whose lips were moved apart; `render/exemplars/filling.py`. */
import { LOWER_INNER, NOSE_BASE, UPPER_INNER, pick, type FaceShape } from '../face/landmarks'
import { joined, type Affine } from '../picture/affine'
import { mixInto, shaded } from '../picture/blend'
import { interpolate } from '../picture/interpolate'
import { smooth, type Picture, type Plane } from '../picture/types'
import type { Canvas } from './canvas'
import { drawLayers, paint, type Layers } from './inside/layers'
import { lit } from './inside/light'
import { MM } from './inside/teeth'
import { toneOf } from './inside/tone'
import type { Target } from './movedFace'

const EDGE_BELOW = 1.4 * MM // the upper edge stands so far below the line where shut lips meet
const NOSE_TO_EDGE = 24 * MM // from the nose's base, where lips are not shut
const DROP_SHARE = 0.8 // of the lower lip's way; the lip goes down a little farther than the teeth
const FEATHER = 0.004 // of the crop side: softness of the lips' inner edge
const FINER = 4 // points of a lip's line for one landmark
const OWN_INSIDE = 0.05 // eye distances: from this opening on the picture's own teeth are kept
const UNCOVERS = 0.02 // eye distances that lips move apart until all between them is painted; below it they show their own
const OPEN_BEFORE = [0.03, 0.05] as const // opening of the picture's own lips: from the first on more than a line
const KEPT_FEATHER = 0.012 // of the crop side: how softly they end
const MIDDLE = 5 // of a lip's line of landmarks

/** What is known of the inside of a person's mouth; made once. */
export interface Inner {
  readonly layers: Layers
  /** Eye distances from the upper edge's middle → pixels of the crop. */
  readonly seat: Affine
}

/** Estimate the inside of a mouth from a face's aligned crop; `scale` pixels of the picture for one of the crop. */
export function innerOf(face: FaceShape, crop: Picture, scale: number): Inner {
  const at = (k: number): [number, number] => [face.points[2 * k]!, face.points[2 * k + 1]!]
  const [left, right] = [at(LOWER_INNER[0]!), at(LOWER_INNER.at(-1)!)]
  const length = Math.max(Math.hypot(right[0] - left[0], right[1] - left[1]), 1e-6)
  const [ax, ay] = [(right[0] - left[0]) / length, (right[1] - left[1]) / length]
  const middle = [(left[0] + right[0]) / 2, (left[1] + right[1]) / 2] as const
  const away = ([x, y]: [number, number]): { across: number; down: number } => ({
    across: (x - middle[0]) * ax + (y - middle[1]) * ay,
    down: -(x - middle[0]) * ay + (y - middle[1]) * ax,
  })
  const [lip, nose] = [away(at(UPPER_INNER[MIDDLE]!)), away(at(NOSE_BASE))]
  const across = 0.5 * lip.across + 0.5 * nose.across
  const shut = 1 - Math.min(face.shape[0] / OWN_INSIDE, 1)
  const edge = shut * (lip.down + EDGE_BELOW * face.unit) + (1 - shut) * (nose.down + NOSE_TO_EDGE * face.unit)
  const origin = [middle[0] + across * ax - edge * ay, middle[1] + across * ay + edge * ax] as const
  const seat: Affine = [ax * face.unit, -ay * face.unit, origin[0], ay * face.unit, ax * face.unit, origin[1]]
  const tone = toneOf(crop, face.points, face.shape[0])
  return { layers: drawLayers(tone, face.yaw, face.unit * scale), seat }
}

/** Paint what lies between the result's lips over a view of the canvas' region, in place; the tongue raised so far. */
export function fill(
  view: Picture, mouth: Canvas, target: Target, inner: Inner, result: Float32Array, tongue: number,
): void {
  const { face, crop } = target
  const open = mouth.mask(outline(result), FEATHER * crop.side, FINER)
  const share = uncovered(result, face)
  for (let k = 0; k < open.data.length; k++) open.data[k]! *= share
  if (!open.data.some((value) => value > 0.02)) return
  const { seat } = inner
  const length = Math.max(Math.hypot(seat[1], seat[4]), 1e-6)
  const lip = LOWER_INNER[MIDDLE]!
  const way = (result[2 * lip]! - seat[2]) * seat[1] + (result[2 * lip + 1]! - seat[5]) * seat[4]
  const low = way / length / face.unit + EDGE_BELOW
  const made = paint(inner.layers, open, joined(mouth.toRegion, seat), DROP_SHARE * Math.max(low, 0), tongue)
  if (face.shape[0] > OWN_INSIDE) keepOwn(made, mouth, target, result, open)
  mixInto(view, made, open)
}

/** 0 where shut lips are no farther apart than in the picture, so that they are seen as they are; else 1. */
function uncovered(result: Float32Array, own: FaceShape): number {
  const wasOpen = smooth((own.shape[0] - OPEN_BEFORE[0]) / (OPEN_BEFORE[1] - OPEN_BEFORE[0]))
  return Math.max(wasOpen, smooth((gapOf(result) - gapOf(own.points)) / (own.unit * UNCOVERS)))
}

/** How far apart the inner lips stand in their middle, crop pixels. */
function gapOf(points: Float32Array): number {
  return [5, 4, 6].reduce((sum, k) => sum + points[2 * LOWER_INNER[k]! + 1]! - points[2 * UPPER_INNER[k]! + 1]!, 0) / 3
}

/** Put the inside that the picture itself shows over a painted one, in place: as teeth it does not move. */
function keepOwn(made: Picture, mouth: Canvas, target: Target, result: Float32Array, open: Plane): void {
  const { crop, face, frame } = target
  const kept = Float32Array.from(face.points)
  for (const k of UPPER_INNER.slice(1, -1)) {
    kept[2 * k + 1] = Math.min(kept[2 * k + 1]!, result[2 * k + 1]!) - 0.05 * crop.side
  }
  for (const k of LOWER_INNER.slice(1, -1)) kept[2 * k + 1]! -= KEPT_FEATHER * crop.side
  const share = mouth.mask(outline(kept), KEPT_FEATHER * crop.side, 2)
  const upper = pick(face.points, UPPER_INNER)
  const [xs, ys] = [upper.filter((_, k) => k % 2 === 0), upper.filter((_, k) => k % 2 === 1)]
  const { columns, rows } = mouth
  const x = new Float32Array(columns.length * rows.length)
  const y = new Float32Array(x.length)
  for (let k = 0; k < x.length; k++) {
    x[k] = columns[k % columns.length]!
    const top = interpolate(x[k]!, xs, ys) + 0.006 * crop.side
    y[k] = Math.max(rows[Math.floor(k / columns.length)]!, top) // where the lip draws back, the teeth's strip goes on
  }
  const own = mouth.read(frame, x, y, crop.toFrame, share)
  const unit = face.unit * crop.scale
  const was = lit(mouth.mask(outline(face.points), FEATHER * crop.side, 2), unit)
  const now = lit(open, unit)
  const darker = { ...now, data: now.data.map((value, k) => Math.min(value / was.data[k]!, 1)) }
  mixInto(made, shaded(own, darker, [1, 1, 1], share), share)
}

/** The inner line of the lips as a smooth curve, x, y, … */
export function outline(points: Float32Array): Float64Array {
  const [upper, lower] = [UPPER_INNER, LOWER_INNER].map((line) => smoothLine(pick(points, line)))
  const back: number[] = []
  for (let k = lower!.length - 4; k > 0; k -= 2) back.push(lower![k]!, lower![k + 1]!)
  return Float64Array.from([...upper!, ...back])
}

/** A curve through points (Catmull and Rom, 1974). */
function smoothLine(points: Float64Array): Float64Array {
  const count = points.length / 2
  const at = (n: number, k: number): number => {
    if (n < 0) return 2 * points[k]! - points[2 + k]!
    if (n >= count) return 2 * points[2 * (count - 1) + k]! - points[2 * (count - 2) + k]!
    return points[2 * n + k]!
  }
  const curve: number[] = []
  for (let n = 0; n + 1 < count; n++) {
    for (let step = 0; step < FINER; step++) {
      const part = step / FINER
      for (let k = 0; k < 2; k++) {
        const [a, b, c, d] = [at(n - 1, k), at(n, k), at(n + 1, k), at(n + 2, k)]
        const cubic = (3 * b - 3 * c + d - a) * part ** 3
        curve.push((2 * b + (c - a) * part + (2 * a - 5 * b + 4 * c - d) * part ** 2 + cubic) / 2)
      }
    }
  }
  return Float64Array.from([...curve, points[2 * (count - 1)]!, points[2 * (count - 1) + 1]!])
}
