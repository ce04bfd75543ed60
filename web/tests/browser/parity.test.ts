import { readdirSync } from 'node:fs'
import type { Browser, Page } from 'puppeteer-core'
import { createServer, type ViteDevServer } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FACTS, difference, floats, frame, photo, speech } from '../golden'
import { fromRgba, toRgba } from '../../src/picture/rgba'
import { chromium } from './chromium'
import { serve, type Served } from './server'

const MOST_GREY_LEVELS = 2
const MEL_TOLERANCE = 2e-4

let browser: Browser
beforeAll(async () => void (browser = await chromium()))
afterAll(() => browser.close())

function packed(data: Float32Array | Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
}

const UNPACK = '(text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer'
const PACK = `(buffer) => {
  const bytes = new Uint8Array(buffer)
  let text = ''
  for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192))
  return btoa(text)
}`

describe('in Chromium', () => {
  let page: Page
  let sources: ViteDevServer

  beforeAll(async () => {
    sources = await createServer({ root: new URL('../../', import.meta.url).pathname, logLevel: 'error', server: { port: 0 } })
    await sources.listen()
    page = await browser.newPage()
    await page.goto(`${sources.resolvedUrls!.local[0]!}capture.js`)
  })
  afterAll(() => sources.close())

  test('the mel is that of the package', async () => {
    const made = (await page.evaluate(`(async () => {
      const { MelStream } = await import('/src/audio/mel.ts')
      const stream = new MelStream()
      const columns = [...stream.push(new Float32Array((${UNPACK})('${packed(speech().slice(0, 32_000))}'))), ...stream.flush()]
      return (${PACK})(Float32Array.from({ length: 80 * columns.length }, (_, k) => columns[k % columns.length][Math.floor(k / columns.length)]).buffer)
    })()`)) as string
    const mel = new Float32Array(new Uint8Array(Buffer.from(made, 'base64')).buffer)
    const { most } = difference(mel, floats('mel'))
    console.log(`mel in Chromium: most ${most.toExponential(1)}`)
    expect(most).toBeLessThan(MEL_TOLERANCE)
  })
})

describe.each(['shut', 'open'] as const)('the built worker in Chromium, on the photo whose mouth is %s', (name) => {
  let served: Served
  beforeAll(async () => void (served = await serve()))
  afterAll(() => served.close())

  test('makes the frames that the package makes', async () => {
    const worker = readdirSync(new URL('../../dist/assets/', import.meta.url)).find((file) => file.startsWith('face.worker'))
    const page = await browser.newPage()
    await page.goto(`${served.address}capture.js`) // no page of its own runs there
    const { shown, frames } = FACTS.photos[name]
    const picture = photo(name)
    const made = (await page.evaluate(`(async () => {
      const unpack = ${UNPACK}
      const pack = ${PACK}
      const worker = new Worker('/assets/${worker}', { type: 'module' })
      const heard = []
      const told = (kind) => new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => {
          if (data.kind === 'frame') heard.push(data)
          if (data.kind === 'failed') reject(new Error(data.message))
          if (data.kind === kind) resolve(data)
        }
      })
      const ask = (asked, kind) => { const answer = told(kind); worker.postMessage(asked); return answer }
      const { threads } = await ask({ kind: 'open', base: '${served.address}' }, 'opened')
      await ask({ kind: 'photo', width: ${picture.width}, height: ${picture.height}, rgba: unpack('${packed(new Uint8Array(toRgba(picture)))}'),
        points: new Float32Array(unpack('${packed(floats(`${name}.five`).slice())}')) }, 'ready')
      await ask({ kind: 'listen', rate: ${FACTS.rate}, live: false }, 'listening')
      const done = told('finished')
      const began = performance.now()
      worker.postMessage({ kind: 'want', from: 0, to: 1e9 })
      worker.postMessage({ kind: 'sound', pcm: new Float32Array(unpack('${packed(speech())}')) })
      worker.postMessage({ kind: 'end' })
      await done
      const took = performance.now() - began
      const spoken = heard.filter((one) => one.state !== 'idle')
      const times = spoken.map((one) => one.took).sort((a, b) => a - b)
      return {
        threads, took, median: times[times.length >> 1], count: spoken.length, all: heard.length,
        frames: ${JSON.stringify(shown)}.map((k) => ({ region: heard[k].region, rgba: pack(heard[k].rgba) })),
      }
    })()`)) as {
      threads: number; took: number; median: number; count: number; all: number
      frames: { region: object; rgba: string }[]
    }
    expect(made.count).toBe(frames)
    const apart = made.frames.map(({ region, rgba }, k) => {
      const wanted = frame(name, shown[k]!, picture)
      expect(region).toEqual(wanted.region)
      const { width, height } = wanted.picture
      return difference(fromRgba(new Uint8Array(Buffer.from(rgba, 'base64')), width, height).data, wanted.picture.data)
    })
    const most = Math.max(...apart.map((one) => one.most))
    const mean = Math.max(...apart.map((one) => one.mean))
    const fps = (made.all * 1000) / made.took
    console.log(
      `${name}: frames in Chromium differ by ${most} grey levels at most, ${mean.toFixed(4)} in the mean; ` +
        `${fps.toFixed(1)} frames a second, ${made.median.toFixed(1)} ms each, ${made.threads} thread(s)`,
    )
    expect(most).toBeLessThanOrEqual(MOST_GREY_LEVELS)
    await page.close()
  })
})
