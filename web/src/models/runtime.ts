/** Opens the networks with onnxruntime-web: wasm with SIMD, and with threads where there are any. */
import * as ort from 'onnxruntime-web/wasm'
import { Networks, type Run, type Tensor } from './networks'
import { NETWORKS, type NetworkName } from './cards'

/** What the runtime is opened with. */
export interface RuntimeParts {
  /** Its WebAssembly. */
  readonly wasm: ArrayBuffer
  /** Address of its loader; its own, where undefined. */
  readonly loader?: string
  /** The networks' files. */
  readonly models: Record<NetworkName, ArrayBuffer>
  readonly threads: number
}

/** Open all networks. */
export async function openNetworks({ wasm, loader, models, threads }: RuntimeParts): Promise<Networks> {
  ort.env.wasm.numThreads = threads
  ort.env.wasm.wasmBinary = wasm
  if (loader !== undefined) ort.env.wasm.wasmPaths = { mjs: loader }
  const runs = {} as Record<NetworkName, Run>
  for (const name of NETWORKS) runs[name] = await open(models[name])
  return new Networks(runs)
}

async function open(model: ArrayBuffer): Promise<Run> {
  const session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ['wasm'] })
  return async (feeds) => {
    const inputs: Record<string, ort.Tensor> = {}
    for (const [name, { type, data, dims }] of Object.entries(feeds)) {
      inputs[name] = new ort.Tensor(type, data as Uint8Array & Float32Array, dims)
    }
    const outputs = await session.run(inputs)
    const found: Record<string, Tensor> = {}
    for (const [name, tensor] of Object.entries(outputs)) {
      found[name] = { type: 'float32', data: tensor.data as Float32Array, dims: tensor.dims }
    }
    return found
  }
}
