/** Frames to faces: the small copy that a detector sees, and the decoding of its head. */
import { shrinkPicture } from '../picture/resize'
import { newPicture, roundEven, type Picture } from '../picture/types'

const MULTIPLE = 32 // sides of a small copy are filled up to this
const SAME_FACE_IOU = 0.6

/** The card's [detect] table. */
export interface DetectHead {
  strides: number[]
  sides: number[]
  variances: [number, number]
  score_threshold: number
  nms_iou: number
}

/** One face: its box left, top, right, bottom, and five points x, y, …, all in frame pixels. */
export interface FoundFace {
  box: [number, number, number, number]
  points: Float32Array
  score: number
}

/** The raw output of the network for one picture. */
export interface RawHead {
  scores: Float32Array
  offsets: Float32Array
  points: Float32Array
}

/** The copy that the network sees, its longer side `side` at most, filled up with black; and frame pixels for one of it. */
export function smallCopy(frame: Picture, side: number): { picture: Picture; scale: [number, number] } {
  const ratio = Math.min(1, side / Math.max(frame.width, frame.height))
  const width = Math.max(1, roundEven(frame.width * ratio))
  const height = Math.max(1, roundEven(frame.height * ratio))
  const small = width === frame.width && height === frame.height ? frame : shrinkPicture(frame, width, height)
  const filled = newPicture(Math.ceil(width / MULTIPLE) * MULTIPLE, Math.ceil(height / MULTIPLE) * MULTIPLE)
  for (let y = 0; y < height; y++) {
    filled.data.set(small.data.subarray(y * width * 3, (y + 1) * width * 3), y * filled.width * 3)
  }
  return { picture: filled, scale: [frame.width / width, frame.height / height] }
}

/** Turn a raw head into faces, best first, in frame pixels; `width` and `height` are those of the small copy. */
export function decodeHead(
  raw: RawHead, head: DetectHead, width: number, height: number, scale: readonly [number, number],
): FoundFace[] {
  const rows: Row[] = []
  let at = 0
  head.strides.forEach((stride, level) => {
    const [columns, lines] = [Math.ceil(width / stride), Math.ceil(height / stride)]
    for (let k = 0; k < columns * lines; k++, at++) {
      if (raw.scores[at]! <= head.score_threshold) continue
      const x = (k % columns) * stride + stride / 2
      const y = Math.floor(k / columns) * stride + stride / 2
      rows.push(decodeRow(raw, at, x, y, head.sides[level]!, head.variances))
    }
  })
  if (at !== raw.scores.length) throw new Error(`expected ${at} scores of the detector; got ${raw.scores.length}`)
  return suppressed(rows, head.nms_iou).map((best) => merged(rows, best, scale))
}

/** The face with the largest box. */
export function largest(faces: readonly FoundFace[]): FoundFace | undefined {
  const area = ({ box }: FoundFace): number => (box[2] - box[0]) * (box[3] - box[1])
  return faces.reduce<FoundFace | undefined>((best, face) => (best && area(best) >= area(face) ? best : face), undefined)
}

interface Row {
  values: Float32Array // box, then five points
  score: number
}

function decodeRow(raw: RawHead, at: number, x: number, y: number, side: number, [near, far]: [number, number]): Row {
  const values = new Float32Array(14)
  const [dx, dy, dw, dh] = raw.offsets.subarray(4 * at, 4 * at + 4) as unknown as [number, number, number, number]
  const [cx, cy] = [x + dx * near * side, y + dy * near * side]
  const [w, h] = [side * Math.exp(dw * far), side * Math.exp(dh * far)]
  values.set([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
  for (let k = 0; k < 5; k++) {
    values[4 + 2 * k] = x + raw.points[10 * at + 2 * k]! * near * side
    values[5 + 2 * k] = y + raw.points[10 * at + 2 * k + 1]! * near * side
  }
  return { values, score: raw.scores[at]! }
}

/** Greedy non-maximum suppression, a pixel of width counted as in the published code. */
function suppressed(rows: Row[], most: number): Row[] {
  const kept: Row[] = []
  for (const row of [...rows].sort((a, b) => b.score - a.score)) {
    if (kept.every((better) => overlap(better, row, 1) <= most)) kept.push(row)
  }
  return kept
}

/** Mean of the rows that overlap the best one, weighted by score, in frame pixels. */
function merged(rows: Row[], best: Row, [sx, sy]: readonly [number, number]): FoundFace {
  const sum = new Float64Array(14)
  let total = 0
  for (const row of rows) {
    if (overlap(row, best, 0) <= SAME_FACE_IOU) continue
    total += row.score
    row.values.forEach((value, k) => (sum[k]! += row.score * value))
  }
  const mean = sum.map((value) => value / total)
  const points = Float32Array.from(mean.subarray(4), (value, k) => (value + 0.5) * (k % 2 ? sy : sx) - 0.5)
  return { box: [mean[0]! * sx, mean[1]! * sy, mean[2]! * sx, mean[3]! * sy], points, score: best.score }
}

function overlap(a: Row, b: Row, pixel: number): number {
  const [p, q] = [a.values, b.values]
  const width = Math.max(0, Math.min(p[2]!, q[2]!) - Math.max(p[0]!, q[0]!) + pixel)
  const height = Math.max(0, Math.min(p[3]!, q[3]!) - Math.max(p[1]!, q[1]!) + pixel)
  const area = (r: Float32Array): number => (r[2]! - r[0]! + pixel) * (r[3]! - r[1]! + pixel)
  return (width * height) / Math.max(area(p) + area(q) - width * height, 1e-6)
}
