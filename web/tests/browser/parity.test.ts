import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'puppeteer-core'
import { createServer, type ViteDevServer } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FACTS, difference, floats, frame, photo, speech } from '../golden'
import { chromium } from './chromium'
import { serve, type Served } from './server'
import { PACK, UNPACK, packed, speak, type Spoken } from './workerHere'

const MOST_GREY_LEVELS = 2
const MEL_TOLERANCE = 2e-4
const DIST = new URL('../../dist/', import.meta.url).pathname
/** Where what was found is written, if anywhere: `ROWS=../benchmarks/results/browser.json`. */
const ROWS = process.env['ROWS']

let browser: Browser
let served: Served
let sources: ViteDevServer
let page: Page
const rows: object[] = []
let melMost = NaN

beforeAll(async () => {
  browser = await chromium()
  served = await serve()
  sources = await createServer({ root: new URL('../../', import.meta.url).pathname, logLevel: 'error', server: { port: 0 } })
  await sources.listen()
  page = await browser.newPage()
})
afterAll(async () => {
  if (ROWS) writeFileSync(ROWS, `${JSON.stringify(await measured(), null, 1)}\n`)
  await browser.close()
  served.close()
  await sources.close()
})

async function measured(): Promise<object> {
  const files = readdirSync(DIST, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const data = files.map((entry) => readFileSync(join(entry.parentPath, entry.name)))
  const bytes = (part: (name: string) => boolean): number =>
    files.reduce((sum, entry, k) => sum + (part(entry.name) ? data[k]!.length : 0), 0)
  return {
    chromium: await browser.version(),
    cpu: cpus()[0]!.model,
    cores: cpus().length,
    load: Number(loadavg()[0]!.toFixed(1)),
    bytes: bytes(() => true),
    bytes_gzip: data.reduce((sum, one) => sum + Math.min(one.length, gzipSync(one, { level: 9 }).length), 0),
    bytes_runtime: bytes((name) => name === 'ort.wasm.bin'),
    bytes_networks: bytes((name) => name.endsWith('.onnx')),
    mel_most: melMost,
    mel_tolerance: MEL_TOLERANCE,
    most_tolerated: MOST_GREY_LEVELS,
    rows,
  }
}

/** How far the shown frames are from the package's, at most and in the mean of the worst one; kept as a row. */
function compare(name: 'shut' | 'open', known: boolean, spoken: Spoken): { most: number; mean: number } {
  const source = photo(name)
  expect(spoken.count).toBe(FACTS.photos[name].frames)
  const apart = spoken.shown.map(({ picture, region }, k) => {
    const wanted = frame(name, FACTS.photos[name].shown[k]!, source)
    expect(region).toEqual(wanted.region)
    const { most, mean } = difference(shown(picture.data, region, source), shown(wanted.picture.data, wanted.region, source))
    return { most, mean: (mean * source.data.length) / wanted.picture.data.length }
  })
  const [most, mean] = [Math.max(...apart.map((one) => one.most)), Math.max(...apart.map((one) => one.mean))]
  const { fps, ms, cpuMs, threads } = spoken
  const [x1, y1, x2, y2] = FACTS.photos[name].region
  const speed = { fps: Number(fps.toFixed(1)), ms: Number(ms.toFixed(1)), cpu_ms: Number(cpuMs.toFixed(1)), threads }
  rows.push({ photo: name, known, most, mean: Number(mean.toFixed(4)), ...speed, face: `${x2 - x1}x${y2 - y1}`, size: `${source.width}x${source.height}` })
  console.log(
    `${name}${known ? '' : ', face found by the page'}: ${most} grey levels at most, ${mean.toFixed(4)} in the mean; ` +
      `${fps.toFixed(1)} frames a second, ${ms.toFixed(1)} ms each, ${cpuMs.toFixed(1)} ms of processor, ${threads} thread(s)`,
  )
  return { most, mean }
}

/** The whole picture with a part laid over it. */
function shown(part: Uint8Array, { x1, y1, x2 }: { x1: number; y1: number; x2: number }, source: { width: number; data: Uint8Array }): Uint8Array {
  const whole = source.data.slice()
  const row = (x2 - x1) * 3
  for (let at = 0, y = y1; at < part.length; at += row, y++) whole.set(part.subarray(at, at + row), (y * source.width + x1) * 3)
  return whole
}

test('the mel in Chromium is that of the package', async () => {
  await page.goto(`${sources.resolvedUrls!.local[0]!}capture.js`)
  const made = (await page.evaluate(`(async () => {
    const { MelStream } = await import('/src/audio/mel.ts')
    const stream = new MelStream()
    const sound = new Float32Array((${UNPACK})('${packed(speech().slice(0, 32_000))}'))
    const columns = [...stream.push(sound), ...stream.flush()]
    const value = (_, k) => columns[k % columns.length][Math.floor(k / columns.length)]
    return (${PACK})(Float32Array.from({ length: 80 * columns.length }, value).buffer)
  })()`)) as string
  melMost = difference(new Float32Array(new Uint8Array(Buffer.from(made, 'base64')).buffer), floats('mel')).most
  expect(melMost).toBeLessThan(MEL_TOLERANCE)
})

describe.each(['shut', 'open'] as const)('the photo whose mouth is %s', (name) => {
  test.each([
    { where: 'where the package found it', known: true },
    { where: 'found here', known: false },
  ])('makes the frames that the package makes, its face $where', async ({ known }) => {
    await page.goto(`${served.address}capture.js`) // no page of its own runs there
    const { most } = compare(name, known, await speak(page, served.address, name, known))
    expect(most).toBeLessThanOrEqual(MOST_GREY_LEVELS)
  })
})
