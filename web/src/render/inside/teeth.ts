/** Rows of teeth, drawn from the sizes of an average adult's; `render/inside/teeth.py`. Lengths in eye distances. */
import { interpolate } from '../../picture/interpolate'
import { smooth } from '../../picture/types'
import differences from './differences.json'

export const MM = 1 / 62
const STEP = 0.25 * MM // the arch is followed in such steps

/** Half a row from the middle to the back; the other half mirrors it but for small differences. */
export interface Row {
  /** Of the teeth, in mm. */
  readonly widths: readonly number[]
  /** How far the biting edge lies behind that of the first tooth, in mm. */
  readonly edges: readonly number[]
  /** Of the crowns, in mm. */
  readonly height: number
  /** Half the width and the depth of the ellipse that the row stands on, in mm. */
  readonly arch: readonly [number, number]
  readonly roundOff: number
  /** Each tooth's own edge, in mm, and lightness, left half then right; drawn once, see `scripts/make_golden.py`. */
  readonly differs: { readonly edge: number[][]; readonly tone: number[][] }
}

export const UPPER: Row = {
  widths: [8.5, 6.5, 7.6, 7.1, 6.6, 10], edges: [0, 0.7, 0.3, 1, 1.5, 2], height: 10, arch: [29, 44], roundOff: 0.22,
  differs: differences.upper,
}
export const LOWER: Row = {
  widths: [5.4, 5.9, 6.8, 7, 7.1, 11], edges: [0, 0.1, -0.2, 0.4, 0.9, 1.2], height: 8.5, arch: [26, 40], roundOff: 0.18,
  differs: differences.lower,
}

const BACK = 0.62 // so much darker is the last tooth
const [GAP, GAP_WIDTH] = [0.07, 0.4] // darkness of the line between two teeth, and its half width in mm
const BARREL = 0.06 // a tooth's sides are so much darker than its middle
const [TIP, TIP_HEIGHT] = [0.08, 1.6] // its edge lets light through: darkness, and mm
const NECK = 0.08 // darkness towards the gum

/** Where a row of teeth is and how light it is there, both 0 … 1. */
export interface Drawn {
  readonly shown: number
  readonly light: number
}

/** Draws a row of a head turned by `yaw` degrees, its edges `soft` wide. */
export class RowDrawer {
  private readonly bounds: number[]
  private readonly seen: Float64Array
  private readonly places: Float64Array

  constructor(private readonly row: Row, yaw: number, private readonly soft: number) {
    this.bounds = [0]
    for (const width of row.widths) this.bounds.push(this.bounds.at(-1)! + width * MM)
    ;[this.seen, this.places] = arch(row, yaw)
  }

  /**
   * Say what is at a place.
   *
   * @param across from the middle of the face to the image's right.
   * @param beyond from the first tooth's biting edge away from the gum.
   */
  at(across: number, beyond: number): Drawn {
    const { row, bounds, seen, soft } = this
    const along = interpolate(across, seen, this.places)
    const inside = smooth(Math.min(across - seen[0]!, seen.at(-1)! - across) / (0.5 * MM))
    const far = Math.abs(along)
    let tooth = 0
    while (tooth + 1 < row.widths.length && bounds[tooth + 1]! <= far) tooth++
    const half = (bounds[tooth + 1]! - bounds[tooth]!) / 2
    const place = (far - bounds[tooth]!) / half - 1 // -1 … 1 across the tooth
    const side = along > 0 ? 1 : 0
    const edge = (row.differs.edge[side]![tooth]! - row.edges[tooth]!) * MM
    const inwards = edge - row.roundOff * half * Math.abs(place) ** 4 - beyond
    const between = smooth(((1 - Math.abs(place)) * half) / (soft + GAP_WIDTH * MM))
    let light = 1 - BARREL * Math.abs(place) ** 3 - GAP * (1 - between) + row.differs.tone[side]![tooth]!
    light *= 1 - TIP * smooth(1 - inwards / (TIP_HEIGHT * MM))
    light *= 1 - NECK * smooth((inwards / (row.height * MM)) * 2 - 1)
    light *= 1 - BACK * smooth(far / bounds.at(-1)!) ** 1.3
    return { shown: smooth(inwards / soft + 0.5) * inside, light }
  }
}

/** Where the steps along an arch are seen, from left to right, and how far along it they are. */
function arch(row: Row, yaw: number): [Float64Array, Float64Array] {
  const [half, depth] = [row.arch[0] * MM, row.arch[1] * MM]
  const turn = Float64Array.from({ length: 400 }, (_, k) => (k / 399) * (Math.PI / 2))
  const [xs, zs] = [turn.map((t) => half * Math.sin(t)), turn.map((t) => depth * (1 - Math.cos(t)))]
  const length = new Float64Array(400)
  for (let k = 1; k < 400; k++) length[k] = length[k - 1]! + Math.hypot(xs[k]! - xs[k - 1]!, zs[k]! - zs[k - 1]!)
  const reach = Math.min(row.widths.reduce((a, b) => a + b, 0) * MM, length[399]!)
  const here = Float64Array.from({ length: Math.ceil(reach / STEP) }, (_, k) => k * STEP)
  const [cos, sin] = [Math.cos((yaw * Math.PI) / 180), Math.sin((yaw * Math.PI) / 180)]
  let [right, left] = [-Infinity, Infinity]
  const rights: number[] = []
  const lefts: number[] = []
  for (const way of here) {
    const [x, z] = [interpolate(way, length, xs), interpolate(way, length, zs)]
    rights.push((right = Math.max(right, x * cos - z * sin))) // what lies behind the bend is not seen
    lefts.push((left = Math.min(left, -x * cos - z * sin)))
  }
  const seen = Float64Array.from([...lefts.slice(1).reverse(), ...rights])
  return [seen, Float64Array.from([...Array.from(here.slice(1)).reverse().map((way) => -way), ...here])]
}

