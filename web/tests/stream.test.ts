import { beforeAll, describe, expect, test } from 'vitest'
import type { Networks } from '../src/models/networks'
import { apply } from '../src/picture/affine'
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
  still = await prepareStill(photo('shut'), floats('shut.five'), networks)
})

function stream(of = still): FaceStream {
  return new FaceStream(of, networks, FACTS.rate, FACTS.fps)
}

/** How far the frames of a photo whose face is at five points are from the package's, in grey levels. */
async function apart(name: 'shut' | 'open', points: Float32Array): Promise<{ most: number; mean: number }> {
  const picture = photo(name)
  const { frames, shown } = FACTS.photos[name]
  const speaker = stream(await prepareStill(picture, points, networks))
  speaker.push(speech())
  speaker.end()
  const found: { most: number; mean: number }[] = []
  for (let index = 0; speaker.state === 'ready'; index++) {
    const made = await speaker.next()
    if (shown.includes(index)) found.push(difference(pixels(made), frame(name, index, picture).picture.data))
  }
  expect(speaker.position).toBe(frames)
  expect(found.length).toBe(shown.length)
  return { most: Math.max(...found.map((one) => one.most)), mean: Math.max(...found.map((one) => one.mean)) }
}

function pixels(one: StreamFrame | undefined): Uint8Array {
  return one!.patch!.picture.data
}

test('the voice asks for what it asks for in the package', async () => {
  const wanted = floats('shut.coefficients').subarray(20 * 8, 21 * 8)
  expect(difference((await networks.hear(floats('window20'))).coefficients, wanted).most).toBeLessThan(1e-4)
})

describe.each(['shut', 'open'] as const)('the photo whose mouth is %s', (name) => {
  test('has its face where the package finds it', async () => {
    const { points } = await findFace(photo(name), networks)
    expect([...points]).toEqual([...floats(`${name}.five`)])
  })

  test('speaks as the package lets it speak', async () => {
    const { most, mean } = await apart(name, floats(`${name}.five`))
    console.log(`${name}: frames differ by ${most} grey levels at most, ${mean.toFixed(4)} in the mean`)
    expect(most).toBeLessThanOrEqual(MOST_GREY_LEVELS)
  })

  test('speaks so where the face is found here', async () => {
    const { most, mean } = await apart(name, (await findFace(photo(name), networks)).points)
    console.log(`${name}, found here: ${most} grey levels at most, ${mean.toFixed(4)} in the mean`)
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

test('a mouth that is covered is left as it is', async () => {
  const { face, crop } = still.target
  const covered = photo('shut')
  const [left, right] = [apply(crop.toFrame, face.points[0]!, face.points[1]!), apply(crop.toFrame, face.points[20]!, face.points[21]!)]
  const reach = (right[0] - left[0]) * 0.5
  for (let y = Math.round(left[1] - reach); y < left[1] + 2 * reach; y++) {
    const from = (y * covered.width + Math.round(left[0] - reach)) * 3
    covered.data.fill(90, from, from + Math.round(right[0] - left[0] + 2 * reach) * 3)
  }
  const other = await prepareStill(covered, floats('shut.five'), networks)
  expect(still.strength).toBe(1)
  expect(other.strength).toBe(0)
  expect(other.mouths.make([0.2, 0.8, 1.1], other.strength)).toBeUndefined()
})

test('a picture without a face is refused', async () => {
  await expect(findFace(newPicture(200, 200), networks)).rejects.toThrow(NoFace)
})
