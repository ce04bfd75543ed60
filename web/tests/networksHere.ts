/** The networks in Node, on the same WebAssembly as in a browser. */
import { readFileSync } from 'node:fs'
import { CARDS, NETWORKS, type NetworkName } from '../src/models/cards'
import type { Networks } from '../src/models/networks'
import { openNetworks } from '../src/models/runtime'

function read(path: string): ArrayBuffer {
  const data = readFileSync(new URL(path, import.meta.url))
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer
}

export function networksHere(): Promise<Networks> {
  const models = {} as Record<NetworkName, ArrayBuffer>
  for (const name of NETWORKS) models[name] = read(`../public/models/${CARDS.files[name]}`)
  const wasm = read('../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm')
  return openNetworks({ wasm, models, threads: 1 })
}
