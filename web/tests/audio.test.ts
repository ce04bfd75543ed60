import { describe, expect, test } from 'vitest'
import { FeatureStream } from '../src/audio/alignment'
import { MelStream, type Column } from '../src/audio/mel'
import { mixToMono } from '../src/audio/mono'
import { Resampler } from '../src/audio/resample'
import { fadeIn } from '../src/audio/vad'
import { CARDS } from '../src/models/cards'
import { difference, floats, shapeOf, speech } from './golden'

const MEL_TOLERANCE = 2e-4

/** Columns as the package lays them out: row by row. */
function rows(columns: Column[]): Float32Array {
  return Float32Array.from({ length: 80 * columns.length }, (_, k) => columns[k % columns.length]![Math.floor(k / columns.length)]!)
}

function melOf(samples: Float32Array, chunk: number): Column[] {
  const stream = new MelStream()
  const columns: Column[] = []
  for (let at = 0; at < samples.length; at += chunk) columns.push(...stream.push(samples.subarray(at, at + chunk)))
  return [...columns, ...stream.flush()]
}

describe('mel', () => {
  test.each([0, 1, 199, 401])('of %i samples is that of the package', (count) => {
    const columns = melOf(speech().subarray(4000, 4000 + count), 400)
    expect(columns.length).toBe(shapeOf(`mel${count}`)[1])
    expect(difference(rows(columns), floats(`mel${count}`)).most).toBeLessThan(MEL_TOLERANCE)
  })

  test('of two seconds is that of the package', () => {
    const { most, mean } = difference(rows(melOf(speech().subarray(0, 32_000), 32_000)), floats('mel'))
    console.log(`mel: most ${most.toExponential(1)}, mean ${mean.toExponential(1)}`)
    expect(most).toBeLessThan(MEL_TOLERANCE)
  })

  test('does not depend on the pieces', () => {
    const sound = speech().subarray(0, 8000)
    expect(melOf(sound, 137)).toEqual(melOf(sound, 8000))
  })

  test('is another of another sound', () => {
    const sound = speech().subarray(0, 32_000).map((sample) => sample * 1.01)
    expect(difference(rows(melOf(sound, 32_000)), floats('mel')).most).toBeGreaterThan(MEL_TOLERANCE)
  })
})

describe('resampling', () => {
  test.each([8_000, 44_100, 48_000])('from %i Hz is that of the package', (rate) => {
    const resampler = new Resampler(rate, 16_000)
    const sound = speech().subarray(8000, 10_000)
    const pieces = [resampler.push(sound.subarray(0, 777)), resampler.push(sound.subarray(777)), resampler.flush()]
    const made = Float32Array.from(pieces.flatMap((piece) => [...piece]))
    expect(difference(made, floats(`resampled${rate}`)).most).toBeLessThan(2e-6)
  })

  test('refuses a rate that is none', () => {
    expect(() => new Resampler(0, 16_000)).toThrow('4000 to 384000')
  })
})

test('two channels that are out of phase do not vanish', () => {
  const left = speech().subarray(8000, 24_000)
  const mixed = mixToMono([left, left.map((sample) => -sample * Math.fround(0.9))], 16_000)
  expect(difference(mixed.subarray(-4000), floats('mixed')).most).toBeLessThan(1e-6)
  expect(Math.max(...mixed.subarray(-4000))).toBeGreaterThan(0.01)
})

test('the gain opens a little early', () => {
  expect(fadeIn([0, 0, 1, 0.5])).toBeCloseTo(floats('fade_in')[0]!, 6)
})

describe('alignment', () => {
  test('gives the window that the package gives', () => {
    const stream = new FeatureStream(CARDS.audio, 16_000, 25)
    stream.push(speech())
    stream.end()
    for (let index = 0; index < 20; index++) stream.window(index)
    expect(difference(stream.window(20).features, floats('window20')).most).toBeLessThan(MEL_TOLERANCE)
  })

  test('opens and closes when the package does', () => {
    const wanted = floats('gains')
    const stream = new FeatureStream(CARDS.audio, 16_000, 25)
    stream.push(speech())
    stream.end()
    const made = Array.from({ length: wanted.length }, (_, k) => stream.window(k).gain)
    expect(stream.state(wanted.length)).toBe('end')
    expect(difference(made, wanted).most).toBeLessThan(1e-6)
    expect(new Set(wanted).size).toBeGreaterThan(2)
  })

  test('waits for the look-ahead and no longer', () => {
    const stream = new FeatureStream(CARDS.audio, 16_000, 25)
    const needed = Math.round((stream.lookahead + 10 / 25) * 16_000)
    stream.push(speech().subarray(0, needed - 1))
    expect(stream.state(10)).toBe('wait')
    stream.push(speech().subarray(needed - 1, needed))
    expect(stream.state(10)).toBe('ready')
  })

  test('ends with the sound', () => {
    const stream = new FeatureStream(CARDS.audio, 16_000, 25)
    expect(stream.state(0)).toBe('wait')
    stream.push(new Float32Array(16_000))
    stream.end()
    expect([stream.state(24), stream.state(25)]).toEqual(['ready', 'end'])
    expect(stream.window(24).gain).toBe(0)
  })
})
