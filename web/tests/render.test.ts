import { describe, expect, test } from 'vitest'
import { alignedCrop, cutCrop } from '../src/face/align'
import { faceShape, type Landmarks, type Shape } from '../src/face/landmarks'
import { CARDS } from '../src/models/cards'
import { Asker, rangeOfStill, type Articulation } from '../src/render/asked'
import { innerOf } from '../src/render/filling'
import { facing } from '../src/render/goal'
import { MouthMaker } from '../src/render/mouth'
import { FACTS, bytes, difference, floats, frame, photo, shapeOf } from './golden'

const MOST_GREY_LEVELS = 2

/** A photo as the package's networks see it, so that only the drawing is compared. */
function still(name: 'shut' | 'open') {
  const picture = photo(name)
  const crop = alignedCrop(floats(`${name}.five`), CARDS.cropSide)
  const facts = FACTS.photos[name]
  const landmarks: Landmarks = {
    points: floats(`${name}.landmarks`), pose: Float32Array.from(facts.pose), visible: facts.visible,
  }
  const [height, width] = shapeOf(`${name}.paste`) as [number, number]
  const paste = { width, height, channels: 1, data: floats(`${name}.paste`) }
  const face = faceShape(landmarks, crop.side)
  const cut = cutCrop(picture, crop)
  const inner = innerOf(face, cut, crop.scale)
  const mouthsAt = (yaw: number): MouthMaker => new MouthMaker({ frame: picture, crop, face: { ...face, yaw }, paste }, inner)
  return { picture, crop, cut, face, facts, mouthsAt, mouths: mouthsAt(face.yaw) }
}

describe.each(['shut', 'open'] as const)('the photo whose mouth is %s', (name) => {
  const { picture, cut, face, facts, mouths } = still(name)
  const asked = floats(`${name}.asked`)
  const articulations = floats(`${name}.articulation`)
  const said = (k: number): Articulation => ({ tuck: articulations[2 * k]!, tongue: articulations[2 * k + 1]! })

  test('is cut as the package cuts it', () => {
    const { most, mean } = difference(cut.data, bytes(`${name}.crop`))
    console.log(`${name} crop: most ${most}, mean ${mean.toFixed(4)}`)
    expect(most).toBeLessThanOrEqual(1)
  })

  test('is measured as the package measures it', () => {
    expect(difference(face.shape, facts.shape).most).toBeLessThan(1e-5)
  })

  test('is asked what the package asks', () => {
    const asker = new Asker(rangeOfStill(face.shape), CARDS.shapes)
    const coefficients = floats(`${name}.coefficients`)
    const made = Array.from({ length: facts.frames }, (_, k) => asker.ask(coefficients.subarray(8 * k, 8 * k + 8), said(k)))
    expect(difference(made.flat(), asked).most).toBeLessThan(1e-5)
  })

  test.each(facts.shown)('makes frame %i as the package makes it', (index) => {
    const wanted = frame(name, index, picture)
    const shape = [...asked.subarray(3 * index, 3 * index + 3)] as unknown as Shape
    const patch = mouths.make(shape, 1, said(index))!
    expect(patch.region).toEqual(wanted.region)
    const { most, mean, at } = difference(patch.picture.data, wanted.picture.data)
    const width = wanted.picture.width
    console.log(`${name} frame ${index} (open ${shape[0].toFixed(3)}): most ${most} at ${Math.floor(at / 3) % width},${Math.floor(at / 3 / width)} of ${width}, mean ${mean.toFixed(4)}`)
    expect(most).toBeLessThanOrEqual(MOST_GREY_LEVELS)
  })

  test('shows a lip under the teeth, and a raised tongue', () => {
    for (const [k, name] of (['tuck', 'tongue'] as const).entries()) {
      const most = facts.shown.map((index) => articulations[2 * index + k]!)
      expect(Math.max(...most), name).toBeGreaterThan(0.5)
    }
  })

  test('moves the mouth: the most open frame is not the most shut one', () => {
    const order = facts.shown.map((k) => [asked[3 * k]!, k] as const).sort((a, b) => a[0] - b[0])
    const [shut, open] = [order[0]![1], order.at(-1)![1]].map((k) => frame(name, k, picture).picture.data)
    expect(difference(shut!, open!).most).toBeGreaterThan(20 * MOST_GREY_LEVELS)
  })
})

describe('a face that is turned', () => {
  test('has a chin that follows as far as in the package', () => {
    const made = Float32Array.from(floats('facing'), (_, k) => facing(k - 45))
    expect(difference(made, floats('facing')).most).toBeLessThan(1e-6)
  })

  test('is moved as the package moves it', () => {
    const { picture, facts, mouths, mouthsAt } = still('shut')
    const asked = floats('shut.asked')
    const shape = [...asked.subarray(3 * facts.widest, 3 * facts.widest + 3)] as unknown as Shape
    const wanted = frame('shut', 'turned', picture)
    expect(difference(mouthsAt(FACTS.turned).make(shape, 1)!.picture.data, wanted.picture.data).most).toBeLessThanOrEqual(MOST_GREY_LEVELS)
    expect(difference(mouths.make(shape, 1)!.picture.data, wanted.picture.data).most).toBeGreaterThan(20 * MOST_GREY_LEVELS)
  })
})
