/** Landmarks of a face's aligned crop: which is which, and what they measure of a mouth. */

/** Points of the outer and inner lip, each from the image-left corner along the lower lip and back along the upper. */
export const LIP_POINTS = 40
export const COUNT = 78
export const NOSE_BASE = 46
export const CHIN = 56
export const MOUTH_CORNERS = [0, 10] as const
export const LEFT_EYE_CORNERS = [62, 64] as const
export const RIGHT_EYE_CORNERS = [67, 69] as const
/** From the image-left ear over the chin to the other ear. */
export const JAW = range(51, 62)
export const INNER_LIP = range(20, 40)
/** Corner to corner, image-left to right. */
export const LOWER_OUTER = range(0, 11)
export const UPPER_OUTER = [0, ...range(11, 20).reverse(), 10]
export const LOWER_INNER = range(20, 31)
export const UPPER_INNER = [20, ...range(31, 40).reverse(), 30]

const UPPER_GAP = [36, 35, 34] // beside the middle, the middle, beside it
const LOWER_GAP = [24, 25, 26]

/** One face: points x, y, depth in crop sides, 78 of them; yaw, pitch, roll in degrees; how much of the mouth is seen. */
export interface Landmarks {
  readonly points: Float32Array
  readonly pose: Float32Array
  readonly visible: number
}

/** Opening, width and jaw in eye distances. */
export type Shape = readonly [number, number, number]

/** A face laid into its crop. */
export interface FaceShape {
  /** 78 points x, y, … in crop pixels. */
  readonly points: Float32Array
  readonly shape: Shape
  /** Crop pixels of one eye distance, as if seen from the front. */
  readonly unit: number
  /** Degrees. */
  readonly yaw: number
}

/** Measure a face; `side` of its crop in pixels. */
export function faceShape(landmarks: Landmarks, side: number): FaceShape {
  const { points } = landmarks
  const solid = (k: number): number[] => [points[3 * k]!, points[3 * k + 1]!, points[3 * k + 2]!]
  const between = ([a, b]: readonly [number, number]): number[] => solid(a).map((v, k) => (v + solid(b)[k]!) / 2)
  const eyes = distance(between(LEFT_EYE_CORNERS), between(RIGHT_EYE_CORNERS))
  const unit = Math.max(eyes, 1e-6)
  const gap = UPPER_GAP.reduce((sum, upper, k) => sum + distance(solid(upper), solid(LOWER_GAP[k]!)), 0) / 3
  const width = distance(solid(MOUTH_CORNERS[0]), solid(MOUTH_CORNERS[1]))
  const jaw = distance(solid(NOSE_BASE), solid(CHIN))
  const flat = new Float32Array(2 * COUNT)
  for (let k = 0; k < COUNT; k++) {
    flat[2 * k] = points[3 * k]! * side - 0.5
    flat[2 * k + 1] = points[3 * k + 1]! * side - 0.5
  }
  return { points: flat, shape: [gap / unit, width / unit, jaw / unit], unit: eyes * side, yaw: landmarks.pose[0]! }
}

/** The points of a list, x, y, … */
export function pick(points: ArrayLike<number>, chosen: readonly number[]): Float64Array {
  return Float64Array.from({ length: 2 * chosen.length }, (_, k) => points[2 * chosen[k >> 1]! + (k & 1)]!)
}

function distance(a: number[], b: number[]): number {
  return Math.hypot(...a.map((v, k) => v - b[k]!))
}

function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, k) => first + k)
}
