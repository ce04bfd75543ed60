/** Layers of a mouth's inside, drawn once for a person and then only moved; `render/inside/layers.py`. */
import { inverse, joined, moved, type Affine } from '../../picture/affine'
import { mixInto, shaded } from '../../picture/blend'
import { clamp, roundEven, smooth, newPicture, newPlane, toByte, type Picture, type Plane } from '../../picture/types'
import { warpPicture, warpPlane } from '../../picture/warp'
import { lit } from './light'
import { LOWER, MM, RowDrawer, UPPER } from './teeth'
import type { Tone } from './tone'

const MOST = 360 // pixels of the layers for one eye distance at most
const [ACROSS, ABOVE, BELOW] = [0.62, 0.3, 0.62] // eye distances that the layers reach from the upper edge's middle
const SOFT = 1.1 // pixels of the picture: width of edges
const OVERBITE = 2.6 * MM // so much higher stands the lower edge when the jaw is shut
const LOWER_LIGHT = 0.68 // of the upper row's
const [SHADE, SHADE_HEIGHT] = [0.5, 2.2 * MM] // the upper row's shadow on what lies behind it
const [TONGUE_BEHIND, TONGUE_SOFT, TONGUE_WIDTH] = [1 * MM, 0.035, 0.34]
const TONGUE_LIGHT = [0.4, 0.75] as const // at its rim, and farther down
// A raised tongue from the front, in eye distances: half its width, and half of that of its layer; its tip laps so far over
// the upper edge and comes down at least so far below it.
const [RAISED_WIDTH, RAISED_ACROSS, RAISED_ABOVE, RAISED_LEAST] = [0.2, 0.23, 1.1 * MM, 3.2 * MM]
const RAISED_ROUND = 0.4 // of its height: the rounded part
const RAISED_LIGHT = [1.2, 0.7] as const // at its tip, and at its lower end
const REDDER = [1.15, 1.05, 0.85] as const // powers of the light: what falls in by way of lips and gums is red

/** Pictures over the plane of the front teeth: x to the image's right, y down, both from the upper edge's middle. */
export interface Layers {
  /** The upper row and its shadow, and where they are. */
  readonly head: Picture
  readonly shown: Plane
  /** Lower row, tongue and dark; moves down with the jaw. */
  readonly jaw: Picture
  /** Eye distances → pixels of the pictures. */
  readonly toPixels: Affine
  /** The tongue with its tip raised, before both rows. */
  readonly raised: Raised
}

interface Raised {
  readonly picture: Picture
  readonly shown: Plane
  /** Eye distances across and parts of its height → pixels. */
  readonly toPixels: Affine
}

/** Draw the layers of a head turned by `yaw` degrees, for `fine` pixels of one eye distance where they are shown. */
export function drawLayers(tone: Tone, yaw: number, fine: number): Layers {
  const scale = Math.min(fine, MOST)
  const [width, height] = [roundEven(2 * ACROSS * scale), roundEven((ABOVE + BELOW) * scale)]
  const soft = SOFT / scale
  const [upper, lower] = [new RowDrawer(UPPER, yaw, soft), new RowDrawer(LOWER, yaw, soft)]
  const [head, jaw, shown] = [newPicture(width, height), newPicture(width, height), newPlane(width, height)]
  for (let at = 0; at < width * height; at++) {
    const x = ((at % width) + 0.5) / scale - ACROSS
    const y = (Math.floor(at / width) + 0.5) / scale - ABOVE
    const row = upper.at(x, y)
    const shadow = SHADE * Math.exp(-((Math.max(y, 0) / SHADE_HEIGHT) ** 2)) * smooth((0.45 - Math.abs(x)) / 0.1)
    const there = row.shown + (1 - row.shown) * shadow
    shown.data[at] = there
    const below = y + OVERBITE - TONGUE_BEHIND - 0.4 * x * x
    const tongue = smooth(below / TONGUE_SOFT + 0.5) * smooth((TONGUE_WIDTH - Math.abs(x)) / 0.12)
    const tongueLight = TONGUE_LIGHT[0] + (TONGUE_LIGHT[1] - TONGUE_LIGHT[0]) * smooth(below / 0.12)
    const under = lower.at(x, -(y + OVERBITE))
    for (let k = 0; k < 3; k++) {
      head.data[3 * at + k] = toByte((tone.tooth[k]! * (row.light * row.shown)) / Math.max(there, 1e-3))
      let made = tone.dark[k]!
      made += tongue * (tone.tongue[k]! * tongueLight - made)
      made += under.shown * (tone.tooth[k]! * LOWER_LIGHT * under.light - made)
      jaw.data[3 * at + k] = toByte(made)
    }
  }
  const toPixels: Affine = [scale, 0, ACROSS * scale - 0.5, 0, scale, ABOVE * scale - 0.5]
  return { head, shown, jaw, toPixels, raised: drawRaised(tone, scale) }
}

function drawRaised(tone: Tone, scale: number): Raised {
  const [width, height] = [roundEven(2 * RAISED_ACROSS * scale), Math.max(roundEven(RAISED_WIDTH * scale), 2)]
  const [picture, shown] = [newPicture(width, height), newPlane(width, height)]
  const [tip, end] = RAISED_LIGHT
  for (let at = 0; at < width * height; at++) {
    const x = ((at % width) + 0.5) / scale - RAISED_ACROSS
    const part = (Math.floor(at / width) + 0.5) / height
    const half = RAISED_WIDTH * Math.sqrt(1 - clamp(1 - part / RAISED_ROUND, 0, 1) ** 2)
    shown.data[at] = smooth((half - Math.abs(x)) / ((2 * SOFT) / scale) + 0.5) * smooth((1 - part) / 0.15)
    const light = (tip + (end - tip) * smooth(part)) * (1 - 0.35 * (x / RAISED_WIDTH) ** 2)
    for (let k = 0; k < 3; k++) picture.data[3 * at + k] = toByte(tone.tongue[k]! * light)
  }
  return { picture, shown, toPixels: [scale, 0, RAISED_ACROSS * scale - 0.5, 0, height, -0.5] }
}

/**
 * Paint the inside of a mouth; where the mask is 0, nothing.
 *
 * @param mask one channel, 0 … 1, where the lips are open.
 * @param toRegion eye distances from the upper edge's middle, across and down → pixels of the mask.
 * @param drop of the lower row, in eye distances.
 * @param tongue how far its tip is raised, 0 … 1.
 */
export function paint(layers: Layers, mask: Plane, toRegion: Affine, drop: number, tongue: number): Picture {
  const { width, height } = mask
  const back = inverse(layers.toPixels)
  const lowered = moved(toRegion, toRegion[1] * drop, toRegion[4] * drop)
  const made = warpPicture(layers.jaw, joined(lowered, back), width, height)
  const head = warpPicture(layers.head, joined(toRegion, back), width, height)
  mixInto(made, head, warpPlane(layers.shown, joined(toRegion, back), width, height))
  if (tongue > 0) raiseTongue(made, layers.raised, toRegion, drop, tongue)
  return shaded(made, lit(mask, Math.hypot(toRegion[1], toRegion[4])), REDDER, mask)
}

/** Lay the tongue over the inside, in place, from the upper row's edge to the lower row's. */
function raiseTongue(made: Picture, raised: Raised, toRegion: Affine, drop: number, tongue: number): void {
  const end = Math.max(drop - OVERBITE, 0) + RAISED_LEAST
  const place: Affine = [1, 0, 0, 0, end + RAISED_ABOVE, -RAISED_ABOVE]
  const onto = joined(joined(toRegion, place), inverse(raised.toPixels))
  const shown = warpPlane(raised.shown, onto, made.width, made.height)
  const share = { ...shown, data: shown.data.map((value) => value * tongue) }
  mixInto(made, warpPicture(raised.picture, onto, made.width, made.height), share)
}
