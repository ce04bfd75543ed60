/** Recording what the page shows and plays, to a WebM file that stays on this machine. */
import { Refused } from './refused'

const FORMATS = ['video/webm;codecs=vp9,opus', 'video/webm;codecs=vp8,opus', 'video/webm', 'video/mp4']

/** A recording that goes on. */
export interface Recording {
  /** End it and give the file. */
  stop(): Promise<Blob>
}

/** Begin to record a canvas and a sound; Refused where the browser cannot. */
export function record(canvas: HTMLCanvasElement, sound: MediaStream, fps: number): Recording {
  const type = typeof MediaRecorder === 'undefined' ? undefined : FORMATS.find((one) => MediaRecorder.isTypeSupported(one))
  if (!type) throw new Refused('This browser cannot record.')
  const both = new MediaStream([...canvas.captureStream(fps).getVideoTracks(), ...sound.getAudioTracks()])
  const recorder = new MediaRecorder(both, { mimeType: type })
  const parts: Blob[] = []
  recorder.ondataavailable = (event) => parts.push(event.data)
  recorder.start(1000)
  return {
    stop: () =>
      new Promise((resolve) => {
        recorder.onstop = () => resolve(new Blob(parts, { type }))
        recorder.stop()
      }),
  }
}
