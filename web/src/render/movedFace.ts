/** The lower face of a still with its own lips and chin moved; `render/exemplars/moved_face.py`. */
import type { AlignedCrop } from '../face/align'
import type { FaceShape } from '../face/landmarks'
import { mixInto } from '../picture/blend'
import { blur } from '../picture/blur'
import { erode } from '../picture/erode'
import { remapPlane } from '../picture/remap'
import { clamp, cutOut, newPlane, roundEven, smooth, type Picture, type Plane } from '../picture/types'
import { Canvas } from './canvas'
import { facing, type Press } from './goal'
import { linesOf, sourceMap, type Lines } from './sourceMap'

const AREA = [0.06, 0.44, 0.94, 1.18] as const // of the crop: left, top, right, bottom of what may change
const EDGE = 0.05 // of the crop: motion dies away so near the area's edge
const RIM = 5 // crop pixels along the edge of a turned face

/** The picture that gets a mouth, its face, and what of it may be replaced: one channel over the crop, 1 may. */
export interface Target {
  readonly frame: Picture
  readonly crop: AlignedCrop
  readonly face: FaceShape
  readonly paste: Plane
}

/** Moves the lower face of one picture; what does not change from frame to frame is worked out once. */
export class FaceMover {
  readonly canvas: Canvas
  private readonly source: Picture
  private readonly may: Plane
  private readonly away: Plane
  private readonly fade: Float32Array
  private readonly turned: number

  constructor(private readonly target: Target) {
    const { crop, frame, face } = target
    const [left, top, right, bottom] = AREA.map((part) => roundEven(part * crop.side)) as [number, number, number, number]
    this.canvas = new Canvas(crop, frame, [left, top, right, bottom])
    this.source = this.canvas.empty ? { width: 0, height: 0, data: new Uint8Array(0) } : cutOut(frame, this.canvas.region)
    const { columns, rows } = this.canvas
    const [x, y] = [new Float32Array(columns.length * rows.length), new Float32Array(columns.length * rows.length)]
    for (let k = 0; k < x.length; k++) {
      x[k] = columns[k % columns.length]!
      y[k] = rows[Math.floor(k / columns.length)]!
    }
    this.may = readPlane(target.paste, x, y, crop.side, columns.length)
    this.away = blur(erode(this.may, RIM), RIM / 2)
    this.fade = edgeFade(columns.length, rows.length, EDGE * crop.side)
    this.turned = 1 - facing(face.yaw)
  }

  /** The lower face over the canvas' region, its landmarks moved to where the result has them. */
  move(result: Float32Array, press: Press): Picture {
    const { canvas, target, turned } = this
    const { columns, rows } = canvas
    const lines = linesOf(result, target.face.points, columns, target.crop.side, press)
    const { x, y } = sourceMap(lines, columns, rows)
    for (let k = 0; k < x.length; k++) {
      const column = columns[k % columns.length]!
      const row = rows[Math.floor(k / columns.length)]!
      const away = this.away.data[k]!
      x[k] = column + (x[k]! - column) * this.fade[k]! * away
      y[k] = row + (y[k]! - row) * this.fade[k]! * (1 - turned * (1 - away))
    }
    const carried = readPlane(target.paste, x, y, target.crop.side, columns.length)
    const under = this.underChin(lines)
    const alpha = newPlane(columns.length, rows.length)
    for (let k = 0; k < alpha.data.length; k++) {
      const may = this.may.data[k]!
      const come = carried.data[k]!
      const all = Math.max(may, come, under[k]!)
      alpha.data[k] = this.fade[k]! > 0 ? turned * Math.min(may, come) + (1 - turned) * all : 0
    }
    const base = { ...this.source, data: this.source.data.slice() }
    const share = canvas.spread(alpha)
    mixInto(base, canvas.read(target.frame, x, y, target.crop.toFrame, share), share)
    return base
  }

  /**
   * 1 under the chin, where the neck makes room for it: left as it is, the old chin's line would stay beside the new
   * one. Under a chin that something covers it is 0.
   */
  private underChin({ there, here, near }: Lines): Float32Array {
    const { columns, rows } = this.canvas
    const { paste, crop } = this.target
    const own = Float32Array.from(here, (h) => h[5]! - RIM)
    const seen = readPlane(paste, columns, own, crop.side, columns.length).data
    const chin = here.map((h, c) => Math.min(there[c]![5]!, h[5]!) - 2 * RIM)
    const share = seen.map((one, c) => one * clamp(2 * near[c]!, 0, 1))
    const under = new Float32Array(columns.length * rows.length)
    for (let k = 0; k < under.length; k++) {
      const c = k % columns.length
      if (share[c]! > 0) under[k] = share[c]! * clamp((rows[Math.floor(k / columns.length)]! - chin[c]!) / RIM, 0, 1)
    }
    return under
  }
}

/** Read a plane over a crop of `side` pixels at places in crop pixels. */
function readPlane(plane: Plane, x: Float32Array, y: Float32Array, side: number, width: number): Plane {
  const scale = plane.width / side
  const own = (places: Float32Array): Float32Array => {
    const there = new Float32Array(places.length)
    for (let k = 0; k < places.length; k++) there[k] = (places[k]! + 0.5) * scale - 0.5
    return there
  }
  return remapPlane(plane, own(x), own(y), width)
}

/** 1, falling smoothly to 0 at the area's edges. */
function edgeFade(width: number, height: number, reach: number): Float32Array {
  return Float32Array.from({ length: width * height }, (_, k) => {
    const [x, y] = [k % width, Math.floor(k / width)]
    return smooth(Math.min(x, width - 1 - x, y, height - 1 - y) / reach)
  })
}
