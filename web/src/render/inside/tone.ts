/** The colours of a mouth's inside, estimated from the face round it; `render/inside/tone.py`. Blue, green, red, 0 … 255. */
import { INNER_LIP, pick } from '../../face/landmarks'
import { fillPolygon } from '../../picture/polygon'
import { clamp, roundEven, type Picture } from '../../picture/types'

type Colour = readonly [number, number, number]
type Box = readonly [number, number, number, number]

const CHEEKS: readonly Box[] = [[0.22, 0.46, 0.34, 0.58], [0.66, 0.46, 0.78, 0.58]] // of the crop
const FACE: Box = [0.25, 0.3, 0.75, 0.6]
const LOWER_LIP = [3, 4, 5, 6, 7, 27, 26, 25, 24, 23] // its red, from outside to inside
const [CHEEK_SHARE, BRIGHT_SHARE, BRIGHT] = [1.12, 0.9, 0.97] // teeth are so many times as light as cheek or brightest parts
const SKIN: Colour = [0.72, 0.93, 1.18] // a cheek in white light
const ENAMEL: Colour = [0.83, 0.95, 1.03] // a tooth in white light
const TINT = 0.6 // how much of the light's tint, as skin shows it, is believed
const DARK: Colour = [0.75, 0.7, 1.3] // of the throat
const DARKNESS = 0.1 // times as light as teeth
const TONGUE: Colour = [0.78, 0.72, 0.8] // times the lip's colour
const COLOURED = 0.3 // a cheek's spread of its channels over its grey level; below it the picture is nearly grey
const SEEN = 0.07 // eye distances: from this opening on, teeth that are seen say how light they are
const GREY: Colour = [0.114, 0.587, 0.299]

/** Colours in the light that falls on the face: a front tooth, a tongue, what lies behind. */
export interface Tone {
  readonly tooth: Colour
  readonly tongue: Colour
  readonly dark: Colour
}

/** Estimate the colours from an aligned crop, its landmarks x, y, … in pixels, and its opening in eye distances. */
export function toneOf(crop: Picture, points: Float32Array, opening: number): Tone {
  const cheek = mean(CHEEKS.map((box) => mean(inBox(crop, box))))
  const light = grey(cheek)
  const bright = quantile(inBox(crop, FACE).map(grey), BRIGHT)
  let level = Math.min(Math.max(CHEEK_SHARE * light, BRIGHT_SHARE * bright), 235)
  if (opening > SEEN) {
    const inside = inPolygon(crop, points, INNER_LIP).map(grey)
    if (inside.length > 8) level = clamp(quantile(inside, 0.85), 0.6 * level, 1.15 * level)
  }
  const coloured = clamp((Math.max(...cheek) - Math.min(...cheek)) / Math.max(light, 1) / COLOURED, 0, 1)
  const skin = grey(SKIN)
  const tint = each((k) => (cheek[k]! / Math.max(light, 1) / (SKIN[k]! / skin)) ** TINT)
  const lips = inPolygon(crop, points, LOWER_LIP)
  const colour = (of: Colour): Colour => each((k) => 1 + (of[k]! * tint[k]! - 1) * coloured)
  const [enamel, throat] = [colour(ENAMEL), colour(DARK)]
  return {
    tooth: each((k) => clamp(level * enamel[k]!, 0, 250)),
    tongue: each((k) => quantile(lips.map((one) => one[k]!), 0.5) * TONGUE[k]!),
    dark: each((k) => level * DARKNESS * throat[k]!),
  }
}

function each(value: (k: 0 | 1 | 2) => number): Colour {
  return [value(0), value(1), value(2)]
}

function grey(colour: Colour): number {
  return colour[0] * GREY[0] + colour[1] * GREY[1] + colour[2] * GREY[2]
}

function mean(colours: readonly Colour[]): Colour {
  return each((k) => colours.reduce((sum, one) => sum + one[k]!, 0) / colours.length)
}

function inBox(crop: Picture, box: Box): Colour[] {
  const [left, top, right, bottom] = box.map((part) => roundEven(part * crop.width)) as [number, number, number, number]
  const found: Colour[] = []
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) found.push(at(crop, x, y))
  return found
}

/** The pixels that landmarks enclose; the nearest one to their middle where they enclose none. */
function inPolygon(crop: Picture, points: Float32Array, chosen: readonly number[]): Colour[] {
  const places = pick(points, chosen)
  const mask = fillPolygon(places, crop.width, crop.height)
  const found: Colour[] = []
  mask.data.forEach((inside, k) => {
    if (inside) found.push(at(crop, k % crop.width, Math.floor(k / crop.width)))
  })
  if (found.length) return found
  const middle = (k: 0 | 1): number => {
    let sum = 0
    for (let n = k; n < places.length; n += 2) sum += places[n]!
    return clamp(roundEven(sum / chosen.length), 0, crop.width - 1)
  }
  return [at(crop, middle(0), middle(1))]
}

function at({ data, width }: Picture, x: number, y: number): Colour {
  const k = (y * width + x) * 3
  return [data[k]!, data[k + 1]!, data[k + 2]!]
}

/** The value below which a part of the values lies, between two of them by a straight line. */
function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = part * (sorted.length - 1)
  const low = Math.floor(place)
  return sorted[low]! + (place - low) * (sorted[Math.min(low + 1, sorted.length - 1)]! - sorted[low]!)
}
