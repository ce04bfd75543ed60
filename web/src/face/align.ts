/** The aligned crop of a face: upright, eyes and mouth always at the same place. */
import { apply, inverse, joined, scaleOf, similarity, type Affine } from '../picture/affine'
import { shrinkPicture } from '../picture/resize'
import { cutOut, type Picture } from '../picture/types'
import { warpPicture } from '../picture/warp'

/** Where image-left eye, image-right eye, nose tip and mouth corners lie, in crop sides. */
const TEMPLATE = [0.33, 0.27, 0.67, 0.27, 0.5, 0.455, 0.375, 0.63, 0.625, 0.63]

/** The square crop of one face. */
export interface AlignedCrop {
  /** Frame pixels → crop pixels, whole numbers at pixel centres. */
  readonly toCrop: Affine
  readonly toFrame: Affine
  /** Width and height in pixels. */
  readonly side: number
  /** Frame pixels for one crop pixel. */
  readonly scale: number
}

/** The crop of `side` pixels that puts five landmarks, x, y, … in frame pixels, on the template. */
export function alignedCrop(landmarks: ArrayLike<number>, side: number): AlignedCrop {
  const toCrop = similarity(landmarks, TEMPLATE.map((part) => part * side - 0.5))
  const toFrame = inverse(toCrop)
  return { toCrop, toFrame, side, scale: scaleOf(toFrame) }
}

/** Cut a crop; a large face is first averaged down by a whole number, so that it does not alias. */
export function cutCrop(frame: Picture, { toCrop, toFrame, side, scale }: AlignedCrop): Picture {
  const step = Math.floor(scale)
  if (step <= 1) return warpPicture(frame, toCrop, side, side)
  const corners = [-1, side].flatMap((x) => [-1, side].map((y) => apply(toFrame, x, y)))
  const low = (k: 0 | 1): number => Math.max(0, Math.floor(Math.min(...corners.map((c) => c[k]))) - step)
  const high = (k: 0 | 1, most: number): number =>
    Math.min(Math.ceil(Math.max(...corners.map((c) => c[k]))) + step, most)
  const [x1, y1] = [low(0), low(1)]
  const width = Math.floor((high(0, frame.width) - x1) / step)
  const height = Math.floor((high(1, frame.height) - y1) / step)
  if (Math.min(width, height) <= 0) return warpPicture(frame, toCrop, side, side)
  const part = cutOut(frame, { x1, y1, x2: x1 + width * step, y2: y1 + height * step })
  const centre = (step - 1) / 2
  const fromSmall: Affine = [step, 0, x1 + centre, 0, step, y1 + centre]
  return warpPicture(shrinkPicture(part, width, height), joined(toCrop, fromSmall), side, side)
}

