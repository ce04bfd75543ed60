import { mkdirSync } from 'node:fs'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { photoFile } from '../golden'
import { chromium, drop, dropBytes, mouthMoved, says, silence } from './chromium'
import { serve, type Served } from './server'

const SPEECH = new URL('../golden/speech.wav', import.meta.url).pathname
const SHOTS = new URL('../screenshots/', import.meta.url).pathname
const FAKE = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${SPEECH}`]
const MOVES = 1 // mean grey levels of the mouth's part of the picture

let browser: Browser
let served: Served
let page: Page
let asked: string[]

async function open(address = served.address, from = browser): Promise<Page> {
  page = await from.newPage()
  asked = []
  page.on('request', (request) => asked.push(request.url()))
  await page.setViewport({ width: 1100, height: 900 })
  await page.goto(address)
  return page
}

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true })
  served = await serve()
  browser = await chromium(...FAKE)
})
afterEach(() => page.close())
afterAll(async () => {
  await browser.close()
  served.close()
})

describe('from a photo to a face that speaks', () => {
  test('the mouth moves with speech, then rests; nothing leaves the machine', async () => {
    await open()
    expect(await page.$eval('#notice', (one) => one.textContent)).toContain('synthetic')
    await says(page, 'status', 'First a photo')
    await page.screenshot({ path: `${SHOTS}empty.png` })
    await drop(page, photoFile('shut'), 'image/png')
    await says(page, 'status', 'Now a voice')
    await page.screenshot({ path: `${SHOTS}photo.png` })
    await drop(page, SPEECH, 'audio/wav')
    await says(page, 'status', 'Playing')
    const shot = new Promise((resolve) => setTimeout(resolve, 1500)).then(() => page.screenshot({ path: `${SHOTS}speaking.png` }))
    const moved = await mouthMoved(page, 60_000, 'Another voice', true)
    await shot
    console.log(await page.$eval('#figures', (one) => one.textContent), `mouth moved ${moved.toFixed(2)} grey levels`)
    expect(moved).toBeGreaterThan(MOVES)
    await expect.poll(() => mouthMoved(page, 400), { timeout: 10_000 }).toBe(0) // it closes, and then rests
    expect(asked.filter((address) => !address.startsWith(served.address) && !/^(data|blob):/.test(address))).toEqual([])
  })

  test('a photo may be dropped before the networks are there; a sound stops when it is told to', async () => {
    await open()
    await drop(page, photoFile('open'), 'image/png')
    await says(page, 'status', 'Now a voice')
    await drop(page, SPEECH, 'audio/wav')
    await says(page, 'status', 'Playing')
    await page.click('#stop')
    await says(page, 'status', 'Another voice')
    await drop(page, photoFile('shut'), 'image/png')
    await says(page, 'status', 'Now a voice')
    await page.screenshot({ path: `${SHOTS}second-photo.png` })
  })

  test('the mouth does not move in silence', async () => {
    await open()
    await says(page, 'status', 'First a photo')
    await drop(page, photoFile('shut'), 'image/png')
    await says(page, 'status', 'Now a voice')
    await dropBytes(page, silence(2), 'silence.wav', 'audio/wav')
    await says(page, 'status', 'Playing')
    expect(await mouthMoved(page, 60_000, 'Another voice', true)).toBe(0)
  })

  test('the microphone drives it, and it stops', async () => {
    await open()
    await says(page, 'status', 'First a photo')
    await drop(page, photoFile('shut'), 'image/png')
    await says(page, 'status', 'Now a voice')
    await page.click('#talk')
    await says(page, 'status', 'Speak.')
    const moved = await mouthMoved(page, 5000, '', true)
    await page.screenshot({ path: `${SHOTS}microphone.png` })
    const figures = await page.$eval('#figures', (one) => one.textContent)
    console.log('microphone:', figures)
    await page.click('#talk')
    await says(page, 'status', 'Another voice')
    expect(moved).toBeGreaterThan(MOVES)
    await expect.poll(() => mouthMoved(page, 400), { timeout: 10_000 }).toBe(0) // it closes, and then rests
  })

  test('a face that is very large is made smaller', async () => {
    await open()
    await says(page, 'status', 'First a photo')
    await drop(page, photoFile('shut'), 'image/png')
    await says(page, 'status', 'Now a voice')
    const large = await page.evaluate(() => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 1600, height: 1600 })
      canvas.getContext('2d')!.drawImage(document.getElementById('face') as HTMLCanvasElement, 0, 0, 1600, 1600)
      return canvas.toDataURL('image/jpeg').split(',')[1]!
    })
    await dropBytes(page, Buffer.from(large, 'base64'), 'large.jpg', 'image/jpeg')
    await says(page, 'status', 'Looking')
    await says(page, 'status', 'Now a voice')
    const side = await page.$eval('#face', (one) => (one as HTMLCanvasElement).width)
    expect(side).toBeGreaterThan(600)
    expect(side).toBeLessThan(900)
  })

  test('what is shown can be recorded', async () => {
    await open()
    await says(page, 'status', 'First a photo')
    await drop(page, photoFile('shut'), 'image/png')
    await says(page, 'status', 'Now a voice')
    await page.click('#record')
    await drop(page, SPEECH, 'audio/wav')
    await says(page, 'status', 'Another voice')
    await page.click('#record')
    await page.waitForSelector('#download:not([hidden])')
    const recorded = await page.evaluate(async () => {
      const video = document.createElement('video')
      video.src = (document.getElementById('download') as HTMLAnchorElement).href
      await new Promise((resolve, reject) => {
        video.onloadeddata = resolve
        video.onerror = () => reject(new Error('the recording cannot be played'))
      })
      return [video.videoWidth, video.videoHeight]
    })
    expect(recorded).toEqual([384, 384])
  })

  test('the camera gives a picture', async () => {
    await open()
    await says(page, 'status', 'First a photo')
    await page.click('#use-camera')
    await says(page, 'status', 'Look straight ahead')
    await page.click('#take-picture')
    await says(page, 'error', 'No face') // the camera of the test shows none
  })
})

describe('without cross-origin isolation', () => {
  test('one thread does it', async () => {
    const plain = await serve({ isolated: false })
    await open(plain.address)
    await says(page, 'status', 'First a photo')
    await drop(page, photoFile('shut'), 'image/png')
    await says(page, 'status', 'Now a voice')
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false)
    await page.waitForFunction(() => document.getElementById('figures')!.textContent!.includes('1 thread.'))
    plain.close()
  })
})

describe('what cannot be done is said', () => {
  test('a picture without a face', async () => {
    await open()
    await says(page, 'status', 'First a photo')
    const grey = await page.evaluate(() => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 200, height: 200 })
      canvas.getContext('2d')!.fillRect(20, 20, 90, 90)
      return canvas.toDataURL('image/png').split(',')[1]!
    })
    await dropBytes(page, Buffer.from(grey, 'base64'), 'grey.png', 'image/png')
    await says(page, 'error', 'No face was found')
    expect(await page.$eval('#talk', (one) => (one as HTMLButtonElement).disabled)).toBe(true)
    await page.screenshot({ path: `${SHOTS}no-face.png` })
  })

  test('a file that is no picture, and one that is no sound', async () => {
    await open()
    await says(page, 'status', 'First a photo')
    await dropBytes(page, Buffer.from('no'), 'no.png', 'image/png')
    await says(page, 'error', 'not a picture')
    await drop(page, SPEECH, 'audio/wav')
    await says(page, 'error', 'First a photo')
    await drop(page, photoFile('shut'), 'image/png')
    await says(page, 'status', 'Now a voice')
    await dropBytes(page, Buffer.from('no'), 'no.wav', 'audio/wav')
    await says(page, 'error', 'not sound')
  })

  test('no microphone and no camera', async () => {
    const deaf = await chromium('--use-fake-ui-for-media-stream')
    await open(served.address, deaf)
    await says(page, 'status', 'First a photo')
    await page.click('#use-camera')
    await says(page, 'error', 'No camera')
    await drop(page, photoFile('shut'), 'image/png')
    await says(page, 'status', 'Now a voice')
    await page.click('#talk')
    await says(page, 'error', 'No microphone')
    await deaf.close()
    await open()
  })

  test('no WebAssembly', async () => {
    const old = await serve({ before: 'delete self.WebAssembly;' })
    await open(old.address)
    await says(page, 'error', 'no WebAssembly')
    await page.screenshot({ path: `${SHOTS}no-wasm.png` })
    old.close()
  })

  test('a file of the page that is missing', async () => {
    const broken = await serve({ missing: 'edge_voice' })
    await open(broken.address)
    await says(page, 'error', 'edge_voice.int8.onnx')
    broken.close()
  })

  test('other machines are not asked, whoever wants it', async () => {
    await open()
    const answer = await page.evaluate(() => fetch('http://127.0.0.2:9/').then(() => 'sent', (error: Error) => error.message))
    expect(answer).not.toBe('sent')
    const broken = await page.evaluate(
      () => new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective))
        void fetch('http://127.0.0.2:9/').catch(() => undefined)
      }),
    )
    expect(broken).toBe('connect-src')
  })
})
