/** The built worker in a page of Chromium, spoken to as the page speaks to it. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import type { Page } from 'puppeteer-core'
import { FACTS, floats, photo, speech } from '../golden'
import { fromRgba, toRgba } from '../../src/picture/rgba'
import type { Picture, Region } from '../../src/picture/types'

/** Source text of two functions: bytes of a text, and a text of bytes. */
export const UNPACK = '(text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer'
export const PACK = `(buffer) => {
  const bytes = new Uint8Array(buffer)
  let text = ''
  for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192))
  return btoa(text)
}`

/** Bytes as a text that a page can be given. */
export function packed(data: Float32Array | Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
}

/** What a worker made of a photo and the golden speech. */
export interface Spoken {
  readonly threads: number
  /** Frames of the speech, and frames a second, closing of the mouth included. */
  readonly count: number
  readonly fps: number
  /** Median time of a frame. */
  readonly ms: number
  /** Processor time of the whole browser for a frame of the speech; NaN where the system does not tell. */
  readonly cpuMs: number
  readonly shown: readonly { picture: Picture; region: Region }[]
}

/**
 * Let the golden speech be spoken.
 *
 * @param page at any address of the served page.
 * @param known whether the worker is told where the face is.
 */
export async function speak(page: Page, address: string, name: 'shut' | 'open', known: boolean): Promise<Spoken> {
  const browserPid = page.browser().process()!.pid!
  const file = readdirSync(new URL('../../dist/assets/', import.meta.url)).find((one) => one.startsWith('face.worker'))
  const { width, height } = photo(name)
  const points = known ? `new Float32Array(unpack('${packed(floats(`${name}.five`).slice())}'))` : 'undefined'
  await page.evaluate(`(async () => {
    const unpack = ${UNPACK}
    const pack = ${PACK}
    const worker = new Worker('/assets/${file}', { type: 'module' })
    const heard = []
    const told = (kind) => new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => {
        if (data.kind === 'frame') heard.push(data)
        if (data.kind === 'failed') reject(new Error(data.message))
        if (data.kind === kind) resolve(data)
      }
    })
    const ask = (asked, kind) => {
      const answer = told(kind)
      worker.postMessage(asked)
      return answer
    }
    const { threads } = await ask({ kind: 'open', base: '${address}' }, 'opened')
    const rgba = unpack('${packed(new Uint8Array(toRgba(photo(name))))}')
    await ask({ kind: 'photo', width: ${width}, height: ${height}, rgba, points: ${points} }, 'ready')
    await ask({ kind: 'listen', rate: ${FACTS.rate}, live: false }, 'listening')
    Object.assign(globalThis, { unpack, pack, worker, heard, told, threads })
  })()`)
  const before = cpuMs(browserPid)
  const found = (await page.evaluate(`(async () => {
    const done = told('finished')
    const began = performance.now()
    worker.postMessage({ kind: 'want', from: 0, to: 1e9 })
    worker.postMessage({ kind: 'sound', pcm: new Float32Array(unpack('${packed(speech())}')) })
    worker.postMessage({ kind: 'end' })
    await done
    const fps = (heard.length * 1000) / (performance.now() - began)
    worker.terminate()
    const spoken = heard.filter((one) => one.state !== 'idle')
    const times = spoken.map((one) => one.took).sort((a, b) => a - b)
    return {
      threads, fps, ms: times[times.length >> 1], count: spoken.length,
      shown: ${JSON.stringify(FACTS.photos[name].shown)}.map((k) => ({ region: heard[k].region, rgba: pack(heard[k].rgba) })),
    }
  })()`)) as Omit<Spoken, 'shown' | 'cpuMs'> & { shown: { region: Region; rgba: string }[] }
  const shown = found.shown.map(({ region, rgba }) => {
    const bytes = new Uint8Array(Buffer.from(rgba, 'base64'))
    return { region, picture: fromRgba(bytes, region.x2 - region.x1, region.y2 - region.y1) }
  })
  return { ...found, cpuMs: (cpuMs(browserPid) - before) / found.count, shown }
}

const TICK_MS = 10 // of the counters below

/** Processor time of a process and all that it started, in milliseconds; NaN where there is no /proc. */
function cpuMs(root: number): number {
  if (!existsSync('/proc/self/stat')) return NaN
  const known = new Map<number, { parent: number; ticks: number }>()
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const text = existsSync(`/proc/${name}/stat`) ? readFileSync(`/proc/${name}/stat`, 'utf8') : ''
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    known.set(Number(name), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) })
  }
  let ticks = 0
  for (const [pid, one] of known) {
    let at: number | undefined = pid
    while (at !== undefined && at !== root) at = known.get(at)?.parent
    if (at === root) ticks += one.ticks
  }
  return ticks * TICK_MS
}
