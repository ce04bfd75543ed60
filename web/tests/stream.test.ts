import { beforeAll, describe, expect, test } from 'vitest'
import type { Networks } from '../src/models/networks'
import { newPicture } from '../src/picture/types'
import { NoFace, findFace, prepareStill, type Still } from '../src/pipeline/still'
import { FaceStream, type StreamFrame } from '../src/pipeline/stream'
import { FACTS, difference, floats, frame, photo, speech } from './golden'
import { networksHere } from './networksHere'

const MOST_GREY_LEVELS = 2
const SECOND = FACTS.rate

let networks: Networks
let still: Still
beforeAll(async () => {
  networks = await networksHere()
  still = await prepareStill(photo('shut'), networks)
})

function stream(): FaceStream {
  return new FaceStream(still, networks, FACTS.rate, FACTS.fps)
}

function pixels(one: StreamFrame | undefined): Uint8Array {
  return one!.patch!.picture.data
}

test('the voice asks for what it asks for in the package', async () => {
  const wanted = floats('shut.coefficients').subarray(20 * 8, 21 * 8)
  expect(difference(await networks.coefficients(floats('window20')), wanted).most).toBeLessThan(1e-4)
})

describe.each(['shut', 'open'] as const)('the photo whose mouth is %s', (name) => {
  test('has its face where the package finds it', async () => {
    const { points } = await findFace(photo(name), networks)
    expect(difference(points, floats(`${name}.five`)).most).toBeLessThan(1e-3)
  })

  test('speaks as the package lets it speak', async () => {
    const picture = photo(name)
    const speaker = new FaceStream(await prepareStill(picture, networks), networks, FACTS.rate, FACTS.fps)
    speaker.push(speech())
    speaker.end()
    const apart: { most: number; mean: number }[] = []
    for (let index = 0; speaker.state === 'ready'; index++) {
      const made = await speaker.next()
      if (!FACTS.photos[name].shown.includes(index)) continue
      apart.push(difference(pixels(made), frame(name, index, picture).picture.data))
    }
    expect(speaker.position).toBe(FACTS.photos[name].frames)
    expect(apart.length).toBe(FACTS.photos[name].shown.length)
    const most = Math.max(...apart.map((one) => one.most))
    const mean = apart.reduce((sum, one) => sum + one.mean, 0) / apart.length
    console.log(`${name}: frames differ by ${most} grey levels at most, ${mean.toFixed(4)} in the mean`)
    expect(most).toBeLessThanOrEqual(MOST_GREY_LEVELS)
  })
})

describe('a stream', () => {
  test('does not move the mouth in silence, and does in speech', async () => {
    const [silent, spoken] = [stream(), stream()]
    silent.push(new Float32Array(SECOND))
    spoken.push(speech().subarray(SECOND, 2 * SECOND))
    const moves: number[][] = [[], []]
    for (const [k, one] of [silent, spoken].entries()) {
      one.end()
      const first = pixels(await one.next())
      for (let made = await one.next(); made; made = await one.next()) moves[k]!.push(difference(pixels(made), first).mean)
    }
    expect(Math.max(...moves[0]!)).toBe(0)
    expect(Math.max(...moves[1]!)).toBeGreaterThan(1)
  })

  test('closes the mouth after an utterance and then rests', async () => {
    const one = stream()
    one.push(speech().subarray(0, SECOND))
    one.end()
    for (let k = 0; k < 24; k++) one.skip()
    expect(await one.idle()).toBeUndefined()
    expect((await one.next())!.state).toBe('speech')
    const frames = [await one.idle(), await one.idle(), await one.idle(), await one.idle(), await one.idle()]
    expect(frames.map((made) => made!.index)).toEqual([25, 26, 27, 28, 29])
    expect(pixels(frames[4])).toBe(pixels(frames[3])) // made once
    expect(difference(pixels(frames[0]), pixels(frames[3])).most).toBeGreaterThan(0)
  })

  test('goes on with the next utterance at the next frame', async () => {
    const one = stream()
    one.push(new Float32Array(SECOND / 5))
    one.end()
    while (await one.next());
    one.push(speech().subarray(0, SECOND))
    expect((await one.next())!.index).toBe(5)
  })

  test('drops what it was told when it is interrupted', async () => {
    const one = stream()
    one.push(speech())
    await one.next()
    one.interrupt()
    expect(one.state).toBe('end')
    expect(await one.next()).toBeUndefined()
    expect((await one.idle())!.state).toBe('idle')
  })
})

test('a picture without a face is refused', async () => {
  await expect(findFace(newPicture(200, 200), networks)).rejects.toThrow(NoFace)
})
