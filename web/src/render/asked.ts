/** From mouth coefficients to the shape that is asked of one person's mouth, as `render/exemplars/asked.py`. */
import type { Shape } from '../face/landmarks'
import { clamp, smooth } from '../picture/types'

const WIDE_OPEN = 0.19 // eye distances: the 95 % quantile of openings that speech asks for, before any is heard
const HEARD_BEFORE = 150 // frames that this guess counts for
const [WIDTH_MEAN, WIDTH_SPREAD, WIDTH_BEFORE] = [-0.022, 0.01, 100]
const WIDTH_GAIN = [1, 4] as const
const SEAL = 0.05 // asked openings below this one shrink smoothly to shut lips
const GAIN = [0.6, 1.2] as const
/** What the landmarks read off shut lips, in eye distances. */
export const SHUT = 0.01
const [BINS, MOST] = [64, 0.6]
const TUCKED = 0.04 // eye distances that lips are apart where the lower one is under the teeth
const [TUCK_HEARD, TONGUE_HEARD] = [[0.4, 0.7], [0.15, 0.4]] as const // how surely for none and for all of it
// The same where the tongue is raised, so that it is seen; lips that are parted less than that are left as they are.
const [RAISED, RAISED_PARTED] = [0.08, 0.03]
const SPOKEN = 0.03 // a smaller asked opening may be silence, which says nothing about a voice's range
const STILL_SPREAD = 0.021 // a usual talker's width varies by 0.035
const STILL_NARROWER = 0.97
const STILL_JAW = 0.6

/** What one unit of each mouth coefficient means in eye distances, from the card's [shapes] table. */
export interface MouthShapes {
  opening: number[]
  width: number[]
  jaw: number[]
}

/** What a mouth does that its shape does not say, each 0 … 1. */
export interface Articulation {
  /** How far the lower lip is drawn in under the upper teeth (f v). */
  readonly tuck: number
  /** How far the tip of the tongue is raised to the upper teeth (th l). */
  readonly tongue: number
}

export const NEUTRAL: Articulation = { tuck: 0, tongue: 0 }

/** What is done where both are heard so surely. */
export function articulationOf([tuck, tongue]: ArrayLike<number> & Iterable<number>): Articulation {
  const share = (heard: number, [none, all]: readonly [number, number]): number => smooth((heard - none) / (all - none))
  return { tuck: share(tuck!, TUCK_HEARD), tongue: share(tongue!, TONGUE_HEARD) }
}

/** How one person's mouth moves, in eye distances. */
export interface MouthRange {
  readonly width: number
  readonly widthSpread: number
  readonly jaw: number
  readonly wideOpen: number
}

/** Guess the range of a person of whom one shape is known: at rest there, else a usual talker's. */
export function rangeOfStill([opening, width, jaw]: Shape): MouthRange {
  return {
    width: STILL_NARROWER * width, widthSpread: STILL_SPREAD, jaw: jaw - STILL_JAW * opening, wideOpen: WIDE_OPEN,
  }
}

/** Turns coefficients into asked shapes, frame by frame, never looking ahead. */
export class Asker {
  private readonly counts = new Float64Array(BINS)
  private heard = 0
  private widths: [number, number, number] = [
    WIDTH_BEFORE, WIDTH_BEFORE * WIDTH_MEAN, WIDTH_BEFORE * (WIDTH_MEAN ** 2 + WIDTH_SPREAD ** 2),
  ]

  /** @param strength 0 (shut) … 1.5, times the person's own range. */
  constructor(
    private readonly person: MouthRange, private readonly shapes: MouthShapes, private readonly strength = 1,
  ) {}

  /** The asked shape of a frame of these coefficients. */
  ask(coefficients: Float32Array, { tuck, tongue }: Articulation = NEUTRAL): Shape {
    const [opening, width, jaw] = (['opening', 'width', 'jaw'] as const).map((name) =>
      Math.fround(this.shapes[name].reduce((sum, one, k) => sum + Math.fround(one) * coefficients[k]!, 0)),
    ) as [number, number, number]
    this.listen(opening, width)
    const gain = clamp(this.person.wideOpen / Math.max(this.quantile(), 1e-3), ...GAIN) * this.strength
    const most = Math.min(this.strength, 1)
    let apart = gain * sealing(opening)
    apart += tongue * smooth(apart / RAISED_PARTED) * Math.max(most * RAISED - apart, 0)
    apart += tuck * (most * TUCKED - apart)
    return [SHUT + apart, this.widthOf(width), this.person.jaw + gain * jaw]
  }

  private widthOf(moved: number): number {
    const [count, sum, squares] = this.widths
    const mean = sum / count
    const spread = Math.sqrt(Math.max(squares / count - mean ** 2, 1e-8))
    const gain = clamp(this.person.widthSpread / spread, ...WIDTH_GAIN)
    return this.person.width + this.strength * gain * (moved - mean)
  }

  private listen(opening: number, width: number): void {
    if (opening <= SPOKEN) return
    this.widths = [this.widths[0] + 1, this.widths[1] + width, this.widths[2] + width ** 2]
    this.counts[Math.min(Math.floor((opening / MOST) * BINS), BINS - 1)]! += 1
    this.heard += 1
  }

  private quantile(): number {
    if (!this.heard) return WIDE_OPEN
    let sum = 0
    let bin = 0
    while (bin < BINS && (sum += this.counts[bin]!) < 0.95 * this.heard) bin++
    const known = this.heard / (this.heard + HEARD_BEFORE)
    return known * (((bin + 1) / BINS) * MOST) + (1 - known) * WIDE_OPEN
  }
}

/** An asked opening, not below 0, small ones shrunk to none. */
function sealing(opening: number): number {
  const part = clamp(opening / SEAL, 0, 1)
  return Math.max(opening * part * part * (3 - 2 * part), 0)
}
