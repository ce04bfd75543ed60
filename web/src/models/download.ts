/** Fetches what the networks run on from the page's own folder; nothing else is ever fetched. */
import { CARDS, NETWORKS, type NetworkName } from './cards'
import type { RuntimeParts } from './runtime'

const MOST_THREADS = 4
const GZIP = [0x1f, 0x8b]

/** Something that the page must have and that is not there. */
export class RuntimeMissing extends Error {}

/**
 * How many threads may be used here: half of the cores, as page and sound need some too; one where the page is not
 * cross-origin isolated.
 */
export function threadsHere(): number {
  const cores = globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1
  return Math.min(MOST_THREADS, Math.max(1, Math.floor(cores / 2)))
}

/** Fetch runtime and networks from below `base`, an address with a slash at its end; RuntimeMissing where it cannot be. */
export async function download(base: string): Promise<RuntimeParts> {
  if (typeof WebAssembly !== 'object') {
    throw new RuntimeMissing('This browser has no WebAssembly, which the networks need. A current browser has it.')
  }
  const models = {} as Record<NetworkName, ArrayBuffer>
  const [packed] = await Promise.all([
    file(`${base}ort/ort.wasm.bin`),
    ...NETWORKS.map(async (name) => void (models[name] = await file(`${base}models/${CARDS.files[name]}`))),
  ])
  const wasm = await unpacked(packed)
  return { wasm, models, loader: `${base}ort/ort-wasm-simd-threaded.mjs`, threads: threadsHere() }
}

async function file(address: string): Promise<ArrayBuffer> {
  const response = await fetch(address).catch(() => undefined)
  if (!response?.ok) throw new RuntimeMissing(`A file of this page is missing: ${address}`)
  return response.arrayBuffer()
}

/** The runtime is kept packed, so that the page is small wherever it lies; a server may unpack it on the way. */
async function unpacked(data: ArrayBuffer): Promise<ArrayBuffer> {
  const [first, second] = new Uint8Array(data)
  if (first !== GZIP[0] || second !== GZIP[1]) return data
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Response(stream).arrayBuffer()
}
