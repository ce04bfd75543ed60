/** The networks as callables: pictures and sound in, numbers out, on whatever runtime opened them. */
import { BANDS } from '../audio/mel'
import { COUNT, type Landmarks } from '../face/landmarks'
import type { RawHead } from '../face/detector'
import type { Picture, Plane } from '../picture/types'
import { articulationOf, type Articulation } from '../render/asked'
import { CARDS, type NetworkName } from './cards'

/** A tensor of a graph. */
export interface Tensor {
  readonly type: 'uint8' | 'float32'
  readonly data: Uint8Array | Float32Array
  readonly dims: readonly number[]
}

/** What a window of sound asks of the mouth: eight coefficients, and what they do not say. */
export interface Heard {
  readonly coefficients: Float32Array
  readonly articulation: Articulation
}

/** Runs one graph. */
export type Run = (feeds: Record<string, Tensor>) => Promise<Record<string, Tensor>>

/** The four networks of a still. */
export class Networks {
  constructor(private readonly run: Record<NetworkName, Run>) {}

  /** Raw output of the detector for the small copy that it sees. */
  async detect(frame: Picture): Promise<RawHead> {
    const out = await this.run.detect({ frame: bytes(frame) })
    return { scores: floats(out, 'scores'), offsets: floats(out, 'offsets'), points: floats(out, 'points') }
  }

  /** Landmarks of an aligned crop. */
  async landmarks(face: Picture): Promise<Landmarks> {
    const out = await this.run.landmarks({ face: bytes(face) })
    const points = floats(out, 'points')
    if (points.length !== 3 * COUNT) throw new Error(`expected ${COUNT} landmarks; got ${points.length / 3}`)
    return { points, pose: floats(out, 'pose'), visible: floats(out, 'visible')[0]! }
  }

  /** What of an aligned crop may be replaced: one channel, 1 may. */
  async paste(face: Picture): Promise<Plane> {
    const regions = (await this.run.segment({ face: bytes(face) }))['regions']!
    const [, classes, height, width] = regions.dims as [number, number, number, number]
    const data = new Float32Array(width * height)
    for (let k = 0; k < classes; k++) {
      if (!CARDS.segment.paste.includes(CARDS.segment.classes[k]!)) continue
      for (let i = 0; i < data.length; i++) data[i]! += regions.data[k * data.length + i]!
    }
    return { width, height, channels: 1, data }
  }

  /** What a window of sound, float32 (80 · columns), asks of the mouth. */
  async hear(features: Float32Array): Promise<Heard> {
    const mel: Tensor = { type: 'float32', data: features, dims: [1, BANDS, CARDS.audio.columns] }
    const out = await this.run.voice({ mel })
    return { coefficients: floats(out, 'coefficients'), articulation: articulationOf(floats(out, 'articulation')) }
  }
}

function bytes({ data, height, width }: Picture): Tensor {
  return { type: 'uint8', data, dims: [1, height, width, 3] }
}

function floats(out: Record<string, Tensor>, name: string): Float32Array {
  const tensor = out[name]
  if (!(tensor?.data instanceof Float32Array)) throw new Error(`expected an output ${name} of float32`)
  return tensor.data
}
