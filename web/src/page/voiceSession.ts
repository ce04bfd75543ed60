/** One voice at a time: the microphone live, or a file in step; what is shown, and what can be recorded. */
import type { Frame } from '../worker/protocol'
import { FrameMeter } from './meter'
import { Playback } from './playback'
import type { SpeakerClient } from './speakerClient'
import type { Stage } from './stage'
import { openMicrophone, soundOfFile, type Microphone } from './voice'

const COMPUTE_S = 0.08 // about what a live frame takes after its sound is there: a recording's sound waits as long

/** Runs the voice that drives the face. */
export class VoiceSession {
  private context: AudioContext | undefined
  private recorded: MediaStreamAudioDestinationNode | undefined
  private microphone: Microphone | undefined
  private playback: Playback | undefined
  readonly meter = new FrameMeter()
  /** Sound after a frame's own time that it waits for, in milliseconds. */
  lookaheadMs = 0
  /** Called when the voice is over. */
  onEnd: () => void = () => {}

  constructor(private readonly client: SpeakerClient, private readonly stage: Stage) {
    client.onFrame = (frame) => this.take(frame)
    client.onFinished = () => void this.finish()
  }

  get isLive(): boolean {
    return this.microphone !== undefined
  }

  get isBusy(): boolean {
    return this.isLive || this.playback !== undefined
  }

  /** The sound for a recording; in step with the pictures. */
  get sound(): MediaStream {
    return this.destination.stream
  }

  /** Drive the face by the microphone; Refused where there is none. */
  async talk(): Promise<void> {
    const context = await this.ready()
    const microphone = await openMicrophone(context, (pcm) => this.client.tell({ kind: 'sound', pcm }))
    const { lookaheadMs } = await this.client.listen(microphone.rate, true)
    this.begin(lookaheadMs)
    const late = new DelayNode(context, { delayTime: lookaheadMs / 1000 + COMPUTE_S, maxDelayTime: 2 })
    microphone.source.connect(late).connect(this.destination)
    this.microphone = microphone
  }

  /** Drive the face by a sound file; Refused where it cannot be read. */
  async play(file: Blob): Promise<void> {
    const context = await this.ready()
    const { heard, pcm } = await soundOfFile(file, context)
    const { lookaheadMs, fps } = await this.client.listen(16_000, false)
    this.begin(lookaheadMs)
    this.client.tell({ kind: 'sound', pcm })
    this.client.tell({ kind: 'end' })
    this.playback = new Playback({
      context,
      heard,
      outputs: [context.destination, this.destination],
      fps,
      want: (from, to) => this.client.tell({ kind: 'want', from, to }),
      draw: (frame) => this.draw(frame),
    })
  }

  /** End the voice; the mouth closes. */
  stop(): void {
    this.microphone?.stop()
    this.playback?.stop()
    this.microphone = this.playback = undefined
    this.client.tell({ kind: 'stop' })
    this.onEnd()
  }

  private begin(lookaheadMs: number): void {
    this.lookaheadMs = lookaheadMs
    this.meter.reset()
  }

  private take(frame: Frame): void {
    this.meter.made(frame.took)
    if (this.playback) this.playback.take(frame)
    else this.draw(frame)
  }

  private draw({ region, rgba }: Frame): void {
    this.meter.shown()
    const wide = region ? region.x2 - region.x1 : 0
    this.stage.draw(region && rgba && { region, pixels: new ImageData(new Uint8ClampedArray(rgba), wide) })
  }

  private async finish(): Promise<void> {
    const { playback } = this
    await playback?.finish()
    if (playback !== this.playback) return
    this.playback = undefined
    this.onEnd()
  }

  private async ready(): Promise<AudioContext> {
    this.context ??= new AudioContext()
    await this.context.resume()
    return this.context
  }

  private get destination(): MediaStreamAudioDestinationNode {
    this.context ??= new AudioContext()
    this.recorded ??= this.context.createMediaStreamDestination()
    return this.recorded
  }
}
