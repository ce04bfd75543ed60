/** Photos from files and from the camera. */
import { Refused } from './refused'

/** Larger photos are scaled to this many pixels of their longer side. */
export const MOST_SIDE = 1280

/** And so that the face has at most so many pixels for one of its crop's 128: what moves is made anew for every frame. */
export const MOST_FINE = 4

/** A picture that can be drawn, and the size at which it is. */
export interface Photo {
  readonly source: CanvasImageSource
  readonly width: number
  readonly height: number
}

/** Read a picture file, upright; Refused where it is none. */
export async function photoOfFile(file: Blob): Promise<Photo> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Refused('This file is not a picture that the browser can read. JPEG, PNG and WebP are.')
  })
  return fitted(bitmap, bitmap.width, bitmap.height)
}

/** A camera that is on. */
export interface Camera {
  /** The picture that it sees now. */
  take(): Promise<Photo>
  stop(): void
}

/** Turn the camera on and show it; Refused where there is none. */
export async function openCamera(video: HTMLVideoElement): Promise<Camera> {
  const wish = { video: { facingMode: 'user', width: { ideal: MOST_SIDE } } }
  const stream = await navigator.mediaDevices?.getUserMedia(wish).catch(() => undefined)
  if (!stream) throw new Refused('No camera can be used: there is none, or this page may not use it. Choose a photo instead.')
  video.srcObject = stream
  await video.play()
  return {
    take: async () => fitted(await createImageBitmap(video), video.videoWidth, video.videoHeight),
    stop: () => {
      for (const track of stream.getTracks()) track.stop()
      video.srcObject = null
    },
  }
}

/** The same photo at a smaller size. */
export function smaller({ source, width, height }: Photo, scale: number): Photo {
  return { source, width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

function fitted(source: ImageBitmap, width: number, height: number): Photo {
  return smaller({ source, width, height }, Math.min(1, MOST_SIDE / Math.max(width, height)))
}
