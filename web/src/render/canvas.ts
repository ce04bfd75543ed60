/** A part of a frame that is made anew, and the grid of crop pixels that lies over it. */
import type { AlignedCrop } from '../face/align'
import { apply, moved, type Affine } from '../picture/affine'
import { blur } from '../picture/blur'
import { softPolygon } from '../picture/polygon'
import { remapPicture } from '../picture/remap'
import { newPlane, type Picture, type Plane, type Region } from '../picture/types'
import { warpPlaces, warpPlane } from '../picture/warp'

/** Left, top, right, bottom in whole crop pixels; may reach beyond the crop. */
export type Window = readonly [number, number, number, number]

/** Whole crop pixels of a window of an aligned crop, and the rectangle of the frame that they cover. */
export class Canvas {
  readonly columns: Float32Array
  readonly rows: Float32Array
  /** The rectangle of the frame. */
  readonly region: Region
  /** Crop pixels → pixels of the region. */
  readonly toRegion: Affine
  private readonly fromGrid: Affine

  constructor(readonly crop: AlignedCrop, frame: { width: number; height: number }, window: Window) {
    const [left, top, right, bottom] = window
    this.columns = Float32Array.from({ length: right - left }, (_, k) => left + k)
    this.rows = Float32Array.from({ length: bottom - top }, (_, k) => top + k)
    const corners = [left, right - 1].flatMap((x) => [top, bottom - 1].map((y) => apply(crop.toFrame, x, y)))
    const low = ([0, 1] as const).map((k) => Math.max(Math.floor(Math.min(...corners.map((c) => c[k]))), 0))
    const high = ([0, 1] as const).map((k) =>
      Math.min(Math.ceil(Math.max(...corners.map((c) => c[k]))) + 1, k === 0 ? frame.width : frame.height),
    )
    this.region = { x1: low[0]!, y1: low[1]!, x2: high[0]!, y2: high[1]! }
    this.toRegion = moved(crop.toFrame, -low[0]!, -low[1]!)
    this.fromGrid = shifted(this.toRegion, left, top)
  }

  get width(): number {
    return this.region.x2 - this.region.x1
  }

  get height(): number {
    return this.region.y2 - this.region.y1
  }

  /** Whether the window lies outside the frame. */
  get empty(): boolean {
    return Math.min(this.width, this.height) < 8
  }

  /** A plane of the grid, or of a grid so many times finer, over the region. */
  spread(plane: Plane, finer = 1): Plane {
    let map = this.fromGrid
    if (finer > 1) {
      const [a, b, c, d, e, f] = shifted(map, 0.5 / finer - 0.5, 0.5 / finer - 0.5)
      map = [a / finer, b / finer, c, d / finer, e / finer, f]
    }
    return warpPlane(plane, map, this.width, this.height)
  }

  /** A picture at places of the grid, given in crop pixels, over the region; where `alpha` is 0 it is not read. */
  read(picture: Picture, x: Float32Array, y: Float32Array, toPicture: Affine, alpha?: Plane): Picture {
    const [a, b, c, d, e, f] = toPicture
    const places = newPlane(this.columns.length, this.rows.length, 2)
    for (let k = 0; k < x.length; k++) {
      places.data[2 * k] = a * x[k]! + b * y[k]! + c
      places.data[2 * k + 1] = d * x[k]! + e * y[k]! + f
    }
    return remapPicture(picture, warpPlaces(places, this.fromGrid, this.width, this.height, alpha), alpha)
  }

  /**
   * A soft mask, 0 … 1, of what an outline encloses, over the region.
   *
   * @param outline points x, y, … in crop pixels.
   * @param feather standard deviation of its edge in crop pixels.
   * @param finer it is drawn on a grid so many times finer.
   */
  mask(outline: ArrayLike<number>, feather: number, finer: number): Plane {
    const corner = [this.columns[0]!, this.rows[0]!]
    const places = Float64Array.from(outline, (value, k) => (value - corner[k % 2]! + 0.5) * finer - 0.5)
    const drawn = softPolygon(places, this.columns.length * finer, this.rows.length * finer)
    const soft = blur(drawn, feather * finer, 'mirror', 3)
    return this.spread({ ...soft, data: soft.data.map((value) => value / 255) }, finer)
  }

  /** The window round points that lies inside this one. */
  inner(points: ArrayLike<number>, reach: number): Window {
    const along = (k: number): number[] => Array.from({ length: points.length / 2 }, (_, n) => points[2 * n + k]!)
    const [xs, ys] = [along(0), along(1)]
    const left = Math.max(Math.floor(Math.min(...xs) - reach), this.columns[0]!)
    const top = Math.max(Math.floor(Math.min(...ys) - reach), this.rows[0]!)
    const right = Math.min(Math.ceil(Math.max(...xs) + reach), this.columns.at(-1)!)
    const bottom = Math.min(Math.ceil(Math.max(...ys) + reach), this.rows.at(-1)!)
    return [left, top, Math.max(right, left + 8) + 1, Math.max(bottom, top + 8) + 1]
  }
}

/** The map of places that count from x, y on. */
function shifted([a, b, c, d, e, f]: Affine, x: number, y: number): Affine {
  return [a, b, c + a * x + b * y, d, e, f + d * x + e * y]
}
