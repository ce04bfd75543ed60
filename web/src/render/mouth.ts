/** The mouth of a still as a voice asks for it: lips moved, inside filled; `own_mouth` without exemplars. */
import { LIP_POINTS, type Shape } from '../face/landmarks'
import { mixInto } from '../picture/blend'
import { cutOut, layInto, type Picture, type Region } from '../picture/types'
import { NEUTRAL, SHUT, type Articulation } from './asked'
import { Canvas } from './canvas'
import { fill, type Inner } from './filling'
import { goal, parted, pressOf, pressed } from './goal'
import { FaceMover, type Target } from './movedFace'

const [MARGIN, FEATHER] = [0.034, 0.016] // of the crop: how far beyond the lips a mouth's own canvas reaches

/** A part of the picture that was made anew. */
export interface Patch {
  readonly picture: Picture
  readonly region: Region
}

/** Makes the mouths of one picture. */
export class MouthMaker {
  private readonly mover: FaceMover

  constructor(private readonly target: Target, private readonly inner: Inner) {
    this.mover = new FaceMover(target)
  }

  /**
   * The lower face with its mouth in the asked shape, in eye distances.
   *
   * @param strength how much of it is laid over the picture, 0 … 1.
   * @param articulation what the shape does not say.
   */
  make(asked: Shape, strength: number, { tuck, tongue }: Articulation = NEUTRAL): Patch | undefined {
    const { target, mover } = this
    const { canvas } = mover
    if (canvas.empty || strength <= 0) return undefined
    const shut = pressOf(asked)
    const result = goal(target.face, [asked[0] - SHUT * shut, asked[1], asked[2]], tuck)
    const base = mover.move(result, pressed(shut * parted(target.face.shape[0]), tuck, target.face.unit))
    const reach = (MARGIN + 3 * FEATHER) * target.crop.side
    const mouth = new Canvas(target.crop, target.frame, canvas.inner(result.subarray(0, 2 * LIP_POINTS), reach))
    if (!mouth.empty) {
      const [x1, y1] = [mouth.region.x1 - canvas.region.x1, mouth.region.y1 - canvas.region.y1]
      const view = cutOut(base, { x1, y1, x2: x1 + mouth.width, y2: y1 + mouth.height })
      fill(view, mouth, target, this.inner, result, tongue)
      layInto(base, view, x1, y1)
    }
    if (strength >= 1) return { picture: base, region: canvas.region }
    const mixed = cutOut(target.frame, canvas.region)
    mixInto(mixed, base, strength)
    return { picture: mixed, region: canvas.region }
  }
}
