import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Playback } from '../src/page/playback'
import type { Frame } from '../src/worker/protocol'

const FPS = 25
const LATENCY = 0.1

let tick: FrameRequestCallback = () => {}
let context: { currentTime: number; outputLatency: number }
let startedAt: number | undefined
let drawn: number[]
let wanted: [number, number]
let playback: Playback

class Source {
  connect(): void {}
  disconnect(): void {}
  stop(): void {}
  start(when: number): void {
    startedAt = when
  }
}

beforeEach(() => {
  vi.stubGlobal('requestAnimationFrame', (next: FrameRequestCallback) => ((tick = next), 1))
  vi.stubGlobal('cancelAnimationFrame', () => (tick = () => {}))
  vi.stubGlobal('AudioBufferSourceNode', Source)
  context = { currentTime: 7, outputLatency: LATENCY }
  startedAt = undefined
  drawn = []
  playback = new Playback({
    context: context as AudioContext,
    heard: {} as AudioBuffer,
    outputs: [],
    fps: FPS,
    want: (from, to) => (wanted = [from, to]),
    draw: ({ index }) => drawn.push(index),
  })
})
afterEach(() => vi.unstubAllGlobals())

function take(...indices: number[]): void {
  for (const index of indices) playback.take({ index, state: 'speech', region: undefined, rgba: undefined, took: 1 } as Frame)
}

/** Let the sound be heard up to a second of it. */
function hear(second: number): void {
  context.currentTime = startedAt! + LATENCY + second
  tick(0)
}

test('the sound waits for the first frames', () => {
  take(0, 1, 2, 3)
  tick(0)
  expect(startedAt).toBeUndefined()
  take(4)
  tick(0)
  expect(startedAt).toBeGreaterThan(7)
})

test('a frame is shown when its sound is heard, not when it is sent to the loudspeaker', () => {
  take(0, 1, 2, 3, 4)
  tick(0)
  hear(-0.01)
  expect(drawn).toEqual([])
  hear(0)
  hear(0.039)
  expect(drawn).toEqual([0])
  hear(0.04)
  expect(drawn).toEqual([0, 1])
})

test('frames that come late are left out, and not asked for any more', () => {
  take(0, 1, 2, 3, 4)
  tick(0)
  hear(0.5) // nothing was made meanwhile
  expect(drawn).toEqual([4])
  expect(wanted[0]).toBe(12)
  take(5, 6, 12)
  hear(0.51)
  expect(drawn).toEqual([4, 12])
})

test('what was stopped shows nothing more', () => {
  take(0, 1, 2, 3, 4)
  tick(0)
  playback.stop()
  hear(0.1)
  expect(drawn).toEqual([])
})
