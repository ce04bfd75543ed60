/** Voices: what the microphone hears, and sound files. */
import { mixToMono } from '../audio/mono'
import { SAMPLE_RATE } from '../audio/mel'
import { Refused } from './refused'

/** A microphone that is on. */
export interface Microphone {
  /** Samples a second of what it hears. */
  readonly rate: number
  /** What it hears, for a recording. */
  readonly source: AudioNode
  stop(): void
}

/** Turn the microphone on; Refused where there is none. `hear` gets pieces of mono sound. */
export async function openMicrophone(context: AudioContext, hear: (pcm: Float32Array) => void): Promise<Microphone> {
  const stream = await navigator.mediaDevices
    ?.getUserMedia({ audio: { channelCount: 1, echoCancellation: false } })
    .catch(() => undefined)
  if (!stream) {
    throw new Refused('No microphone can be used: there is none, or this page may not use it. Choose a sound file instead.')
  }
  await context.audioWorklet.addModule(`${import.meta.env.BASE_URL}capture.js`)
  const source = context.createMediaStreamSource(stream)
  const capture = new AudioWorkletNode(context, 'capture', { numberOfOutputs: 0 })
  capture.port.onmessage = (event: MessageEvent<Float32Array>) => hear(event.data)
  source.connect(capture)
  return {
    rate: context.sampleRate,
    source,
    stop: () => {
      source.disconnect()
      capture.port.onmessage = null
      for (const track of stream.getTracks()) track.stop()
    },
  }
}

/** A sound file: how people hear it, and how the networks do, mono at 16 kHz. */
export interface SoundFile {
  readonly heard: AudioBuffer
  readonly pcm: Float32Array
}

/** Read a sound file; Refused where it is none. */
export async function soundOfFile(file: Blob, context: AudioContext): Promise<SoundFile> {
  const data = await file.arrayBuffer()
  const small = new OfflineAudioContext(1, 1, SAMPLE_RATE)
  const [heard, narrow] = await Promise.all([
    context.decodeAudioData(data.slice(0)),
    small.decodeAudioData(data.slice(0)),
  ]).catch(() => {
    throw new Refused('This file is not sound that the browser can read. WAV, MP3, Ogg and M4A mostly are.')
  })
  const channels = Array.from({ length: narrow.numberOfChannels }, (_, k) => narrow.getChannelData(k))
  return { heard, pcm: mixToMono(channels, SAMPLE_RATE) }
}
