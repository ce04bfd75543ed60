/** A photo prepared once: the face found, its landmarks, what may be replaced, the inside of its mouth. */
import { alignedCrop, cutCrop } from '../face/align'
import { decodeHead, largest, smallCopy, type FoundFace } from '../face/detector'
import { faceShape } from '../face/landmarks'
import { CARDS } from '../models/cards'
import type { Networks } from '../models/networks'
import { roundEven, smooth, type Picture } from '../picture/types'
import { rangeOfStill, type MouthRange } from '../render/asked'
import { innerOf } from '../render/filling'
import { MouthMaker } from '../render/mouth'
import type { Target } from '../render/movedFace'

const COVERED = [0.35, 0.65] as const // of the mouth is seen: below the first nothing is laid over it

const STEP = 1 / 64 // pixel, to which the five points are rounded: so their last bits are the package's, too

/** No face was found in a picture. */
export class NoFace extends Error {}

/** A photo that can speak. */
export interface Still {
  readonly target: Target
  readonly range: MouthRange
  readonly mouths: MouthMaker
  /** How much of the made mouth is laid over the picture: less than 1 where the mouth is covered. */
  readonly strength: number
}

/** Find the largest face of a photo; NoFace where there is none. */
export async function findFace(frame: Picture, networks: Networks): Promise<FoundFace> {
  const { picture, scale } = smallCopy(frame, CARDS.detectSide)
  const raw = await networks.detect(picture)
  const found = largest(decodeHead(raw, CARDS.detect, picture.width, picture.height, scale))
  if (!found) throw new NoFace(`No face was found in this picture of ${frame.width}×${frame.height} pixels.`)
  return { ...found, points: found.points.map((value) => roundEven(value / STEP) * STEP) }
}

/** Prepare a photo for a face at five points, x, y, … in its pixels. */
export async function prepareStill(frame: Picture, points: Float32Array, networks: Networks): Promise<Still> {
  const crop = alignedCrop(points, CARDS.cropSide)
  const cut = cutCrop(frame, crop)
  const landmarks = await networks.landmarks(cut)
  const face = faceShape(landmarks, crop.side)
  const target: Target = { frame, crop, face, paste: await networks.paste(cut) }
  const inner = innerOf(face, cut, crop.scale)
  const strength = smooth((landmarks.visible - COVERED[0]) / (COVERED[1] - COVERED[0]))
  return { target, range: rangeOfStill(face.shape), mouths: new MouthMaker(target, inner), strength }
}
