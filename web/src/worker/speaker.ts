/** The worker's work: one photo, one sound, frames as they are wanted. */
import { SAMPLE_RATE } from '../audio/mel'
import { download, RuntimeMissing } from '../models/download'
import type { Networks } from '../models/networks'
import { openNetworks } from '../models/runtime'
import { fromRgba, toRgba } from '../picture/rgba'
import { NoFace, findFace, prepareStill, type Still } from '../pipeline/still'
import { FaceStream, type StreamFrame } from '../pipeline/stream'
import type { Asked, Failure, Told } from './protocol'

export const FPS = 25

type Tell = (told: Told, moved?: Transferable[]) => void

/** Answers what the page asks, one thing after another; frames are made between two messages. */
export class Speaker {
  private networks: Networks | undefined
  private still: Still | undefined
  private stream: FaceStream | undefined
  private live = false
  private wanted = { from: 0, to: 0 }
  private closing = false
  private turn: Promise<unknown> = Promise.resolve()
  private pumping = false

  constructor(private readonly tell: Tell) {}

  /** Take a message. */
  take(asked: Asked): void {
    void this.inTurn(() => this.answer(asked)).then(() => this.pump())
  }

  /** Do something when all that was begun before is done; undefined where it fails. */
  private inTurn<T>(work: () => Promise<T>): Promise<T | undefined> {
    const done = this.turn.then(work).catch((error: unknown) => this.fail(error))
    this.turn = done
    return done as Promise<T | undefined>
  }

  private async answer(asked: Asked): Promise<void> {
    switch (asked.kind) {
      case 'open': {
        const parts = await download(asked.base)
        this.networks = await openNetworks(parts)
        return this.tell({ kind: 'opened', threads: parts.threads })
      }
      case 'photo': {
        this.still = this.stream = undefined
        const frame = fromRgba(new Uint8Array(asked.rgba), asked.width, asked.height)
        const points = asked.points ?? (await findFace(frame, this.open)).points
        this.still = await prepareStill(frame, points, this.open)
        await warmUp(this.still, this.open)
        return this.tell({ kind: 'ready', seen: this.still.strength, fine: this.still.target.crop.scale })
      }
      case 'listen': {
        if (!this.still) throw new NoFace('There is no photo that could speak.')
        this.stream = new FaceStream(this.still, this.open, asked.rate, FPS)
        this.live = asked.live
        this.wanted = { from: 0, to: asked.live ? Infinity : 0 }
        this.closing = false
        return this.tell({ kind: 'listening', lookaheadMs: this.stream.lookaheadMs, fps: FPS })
      }
      case 'sound':
        return this.stream?.push(asked.pcm)
      case 'end':
        return this.stream?.end()
      case 'want':
        this.wanted = { from: asked.from, to: asked.to }
        return
      case 'stop':
        this.stream?.interrupt()
        this.closing = this.stream !== undefined
    }
  }

  private get open(): Networks {
    if (!this.networks) throw new RuntimeMissing('The networks are not loaded.')
    return this.networks
  }

  /** Make frames until there is nothing to do; messages are taken in between. */
  private async pump(): Promise<void> {
    if (this.pumping) return
    this.pumping = true
    while (await this.inTurn(() => this.step())) await breath()
    this.pumping = false
  }

  /** Do one thing; whether there may be more to do. */
  private async step(): Promise<boolean> {
    const { stream } = this
    if (!stream) return false
    const began = performance.now()
    if (stream.state === 'ready' && stream.position < this.wanted.to) {
      if (this.live ? stream.isLate : stream.position < this.wanted.from) {
        stream.skip()
        return true
      }
      const made = await stream.next()
      if (made && stream === this.stream) this.give(made, began)
      return true
    }
    if (stream.state !== 'end' || !(this.closing || stream.hasEnded)) return false
    const made = await stream.idle()
    if (made && stream === this.stream) this.give(made, began)
    if (!stream.isAtRest) return true
    this.closing = false
    this.stream = undefined
    this.tell({ kind: 'finished', frames: stream.position })
    return false
  }

  private give({ index, state, patch }: StreamFrame, began: number): void {
    const rgba = patch && toRgba(patch.picture)
    const took = performance.now() - began
    this.tell({ kind: 'frame', index, state, region: patch?.region, rgba, took }, rgba ? [rgba] : [])
  }

  private fail(error: unknown): undefined {
    this.stream = undefined
    const why: Failure = error instanceof NoFace ? 'face' : error instanceof RuntimeMissing ? 'runtime' : 'broken'
    this.tell({ kind: 'failed', why, message: error instanceof Error ? error.message : String(error) })
  }
}

/** Make some frames for nobody: the first ones are by far the slowest. */
async function warmUp(still: Still, networks: Networks): Promise<void> {
  const stream = new FaceStream(still, networks, SAMPLE_RATE, FPS)
  stream.push(new Float32Array(SAMPLE_RATE / 5))
  stream.end()
  while (await stream.next());
  const [, width, jaw] = still.target.face.shape
  for (const opening of [0.05, 0.1, 0.2]) still.mouths.make([opening, width, jaw], 1)
}

/** Let messages in. */
function breath(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
