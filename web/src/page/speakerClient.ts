/** The page's side of the worker. */
import type { Asked, Failure, Frame, Told } from '../worker/protocol'

/** What the worker could not do. */
export class Failed extends Error {
  constructor(readonly why: Failure, message: string) {
    super(message)
  }
}

type Answer = Exclude<Told['kind'], 'frame' | 'finished' | 'failed'>

/** Asks the worker, and hands on its frames. */
export class SpeakerClient {
  private readonly worker = new Worker(new URL('../worker/face.worker.ts', import.meta.url), { type: 'module' })
  private turn: Promise<unknown> = Promise.resolve()
  private waiting: { kind: Answer; resolve: (told: Told) => void; reject: (error: Error) => void } | undefined

  /** Called with each frame. */
  onFrame: (frame: Frame) => void = () => {}
  /** Called when a sound is over and the mouth has closed. */
  onFinished: (frames: number) => void = () => {}
  /** Called with what failed while nothing was asked. */
  onFailed: (error: Failed) => void = () => {}

  constructor() {
    this.worker.onmessage = (event: MessageEvent<Told>) => this.hear(event.data)
    this.worker.onerror = () => this.hear({ kind: 'failed', why: 'runtime', message: 'The thread that makes faces cannot run.' })
  }

  /** Load the networks; how many threads they have. */
  async open(): Promise<number> {
    return (await this.ask({ kind: 'open', base: new URL('./', document.baseURI).href }, 'opened')).threads
  }

  /** Take a photo; how much of its mouth can be seen, 0 … 1, and how large its face is, in pixels for one of the crop. */
  async photo({ width, height, data }: ImageData): Promise<{ seen: number; fine: number }> {
    const rgba = data.buffer as ArrayBuffer
    return this.ask({ kind: 'photo', width, height, rgba }, 'ready', [rgba])
  }

  /** Begin a sound. */
  async listen(rate: number, live: boolean): Promise<{ lookaheadMs: number; fps: number }> {
    return this.ask({ kind: 'listen', rate, live }, 'listening')
  }

  /** Say something that has no answer. */
  tell(asked: Extract<Asked, { kind: 'sound' | 'end' | 'want' | 'stop' }>): void {
    this.worker.postMessage(asked)
  }

  /** Ask when all that was asked before is answered. */
  private ask<K extends Answer>(asked: Asked, kind: K, moved: Transferable[] = []): Promise<Extract<Told, { kind: K }>> {
    const answer = this.turn.then(
      () =>
        new Promise<Extract<Told, { kind: K }>>((resolve, reject) => {
          this.waiting = { kind, resolve: (told) => resolve(told as Extract<Told, { kind: K }>), reject }
          this.worker.postMessage(asked, moved)
        }),
    )
    this.turn = answer.catch(() => undefined)
    return answer
  }

  private hear(told: Told): void {
    if (told.kind === 'frame') return this.onFrame(told)
    if (told.kind === 'finished') return this.onFinished(told.frames)
    const { waiting } = this
    if (told.kind === 'failed') {
      this.waiting = undefined
      const error = new Failed(told.why, told.message)
      return waiting ? waiting.reject(error) : this.onFailed(error)
    }
    if (waiting?.kind !== told.kind) return
    this.waiting = undefined
    waiting.resolve(told)
  }
}
