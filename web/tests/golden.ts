/** Reads what `scripts/make_golden.py` wrote. */
import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import { PNG } from 'pngjs'
import type { Picture, Region } from '../src/picture/types'

const FOLDER = new URL('./golden/', import.meta.url)

export interface PhotoFacts {
  frames: number
  shown: number[]
  widest: number
  region: [number, number, number, number]
  visible: number
  pose: number[]
  shape: [number, number, number]
}

interface Facts {
  fps: number
  rate: number
  turned: number
  photos: Record<'shut' | 'open', PhotoFacts>
  arrays: Record<string, { dtype: 'uint8' | 'float32'; shape: number[]; at: number }>
}

export const FACTS = JSON.parse(readFileSync(new URL('golden.json', FOLDER), 'utf8')) as Facts
const DATA = new Uint8Array(inflateSync(readFileSync(new URL('golden.bin', FOLDER)))).buffer as ArrayBuffer

export function shapeOf(name: string): number[] {
  return FACTS.arrays[name]!.shape
}

export function floats(name: string): Float32Array {
  const { dtype, shape, at } = FACTS.arrays[name]!
  if (dtype !== 'float32') throw new Error(`${name} is ${dtype}`)
  return new Float32Array(DATA, at, shape.reduce((a, b) => a * b, 1))
}

export function bytes(name: string): Uint8Array {
  const { dtype, shape, at } = FACTS.arrays[name]!
  if (dtype !== 'uint8') throw new Error(`${name} is ${dtype}`)
  return new Uint8Array(DATA, at, shape.reduce((a, b) => a * b, 1))
}

/** The speech, float32 mono at 16 kHz. */
export function speech(): Float32Array {
  const file = readFileSync(new URL('speech.wav', FOLDER))
  const at = file.indexOf('data') + 8
  return Float32Array.from({ length: (file.length - at) / 2 }, (_, k) => file.readInt16LE(at + 2 * k) / 32768)
}

export function photoFile(name: string): string {
  return new URL(`${name}.png`, FOLDER).pathname
}

export function photo(name: string): Picture {
  const { width, height, data } = PNG.sync.read(readFileSync(photoFile(name)))
  const bgr = new Uint8Array(width * height * 3)
  for (let k = 0; k < width * height; k++) for (let c = 0; c < 3; c++) bgr[3 * k + c] = data[4 * k + 2 - c]!
  return { width, height, data: bgr }
}

/** A frame's changed part, as the package made it. */
export function frame(name: 'shut' | 'open', index: number | 'turned', source: Picture): { picture: Picture; region: Region } {
  const [x1, y1, x2, y2] = FACTS.photos[name].region
  const data = Uint8Array.from(bytes(index === 'turned' ? `${name}.turned` : `${name}.frame${index}`))
  const width = x2 - x1
  for (let k = 0; k < data.length; k++) {
    const [pixel, channel] = [Math.floor(k / 3), k % 3]
    const at = ((y1 + Math.floor(pixel / width)) * source.width + x1 + (pixel % width)) * 3 + channel
    data[k] = (data[k]! + source.data[at]!) & 255
  }
  return { picture: { width, height: y2 - y1, data }, region: { x1, y1, x2, y2 } }
}

/** How far two arrays are apart. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): { mean: number; most: number; at: number } {
  if (a.length !== b.length) throw new Error(`${a.length} numbers and ${b.length}`)
  let [sum, most, at] = [0, 0, -1]
  for (let k = 0; k < a.length; k++) {
    const away = Math.abs(a[k]! - b[k]!)
    sum += away
    if (away > most) [most, at] = [away, k]
  }
  return { mean: a.length ? sum / a.length : 0, most, at }
}
