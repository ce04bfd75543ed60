/** A headless Chromium, and what a person does to the page. */
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { launch, type Browser, type Page } from 'puppeteer-core'

const PLACES = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Start it; `flags` of its own beside those that a test needs. */
export async function chromium(...flags: string[]): Promise<Browser> {
  const executablePath = PLACES.find((place) => place && existsSync(place))
  if (!executablePath) throw new Error('no Chromium here: name one in CHROMIUM')
  const usual = ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required', '--mute-audio']
  return launch({ executablePath, headless: true, args: [...usual, ...flags], protocolTimeout: 180_000 })
}

/** Drop a file on the page, as a person would with the mouse. */
export async function drop(page: Page, path: string, type: string): Promise<void> {
  await dropBytes(page, readFileSync(path), basename(path), type)
}

export async function dropBytes(page: Page, data: Buffer, name: string, type: string): Promise<void> {
  await page.evaluate(
    async (packed, name, type) => {
      const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0))
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File([bytes], name, { type }))
      document.getElementById('stage')!.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
    },
    data.toString('base64'), name, type,
  )
}

/** Wait until the page says something. */
export async function says(page: Page, id: 'status' | 'error', text: string, timeout = 90_000): Promise<void> {
  await page.waitForFunction(
    (id, text) => {
      const found = document.getElementById(id)!
      return !found.hidden && found.textContent!.includes(text)
    },
    { timeout, polling: 100 }, id, text,
  ).catch(async (error: unknown) => {
    const now = await page.$eval(`#${id}`, (one) => one.textContent)
    throw new Error(`expected ${id} “${text}”; got “${now}” (${String(error)})`)
  })
}

/**
 * Look at the lower middle of the canvas now and then: how far it was, in mean grey levels, from the first look at most.
 *
 * @param during milliseconds at most.
 * @param until the page's status says this.
 * @param made the first look is at the first frame that was made, not at the photo before it.
 */
export async function mouthMoved(page: Page, during: number, until = '', made = false): Promise<number> {
  return page.evaluate(
    async (during, until, made) => {
      const canvas = document.getElementById('face') as HTMLCanvasElement
      const context = canvas.getContext('2d')!
      const look = (): Uint8ClampedArray => {
        const { width, height } = canvas
        return context.getImageData(width * 0.35, height * 0.5, width * 0.3, height * 0.3).data
      }
      let first = look()
      let isFirst = made
      let most = 0
      for (const end = performance.now() + during; performance.now() < end; ) {
        await new Promise((resolve) => setTimeout(resolve, 40))
        const now = look()
        const moved = now.reduce((sum, value, k) => sum + Math.abs(value - first[k]!), 0) / first.length
        if (isFirst && moved > 0) {
          first = now
          isFirst = false
        } else {
          most = Math.max(most, moved)
        }
        if (until && document.getElementById('status')!.textContent!.includes(until)) break
      }
      return most
    },
    during, until, made,
  )
}

/** A WAV file of silence. */
export function silence(seconds: number): Buffer {
  const samples = seconds * 16_000
  const file = Buffer.alloc(44 + 2 * samples)
  file.write('RIFF', 0)
  file.writeUInt32LE(36 + 2 * samples, 4)
  file.write('WAVEfmt ', 8)
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(1, 20)
  file.writeUInt16LE(1, 22)
  file.writeUInt32LE(16_000, 24)
  file.writeUInt32LE(32_000, 28)
  file.writeUInt16LE(2, 32)
  file.writeUInt16LE(16, 34)
  file.write('data', 36)
  file.writeUInt32LE(2 * samples, 40)
  return file
}
