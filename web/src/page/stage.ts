/** The canvas: the photo, the part that was made anew, and the mark that says so. */
import type { Region } from '../picture/types'

const MARK = 0.07 // height of the mark over the picture's shorter side
const WIDE = 1.5 // its width over its height

/** A part of the photo that was made anew. */
export interface Part {
  readonly region: Region
  readonly pixels: ImageData
}

/** Shows a photo and what is made of it. */
export class Stage {
  private readonly context: CanvasRenderingContext2D
  private photo: CanvasImageSource | undefined

  constructor(readonly canvas: HTMLCanvasElement) {
    const context = canvas.getContext('2d')
    if (!context) throw new Error('This browser cannot draw.')
    this.context = context
  }

  /** Show a photo as it is; its pixels are returned. */
  show(photo: CanvasImageSource, width: number, height: number): ImageData {
    this.canvas.width = width
    this.canvas.height = height
    this.photo = photo
    this.context.imageSmoothingQuality = 'high'
    this.context.drawImage(photo, 0, 0, width, height)
    const pixels = this.context.getImageData(0, 0, width, height)
    this.mark()
    return pixels
  }

  /** Show the photo with a part made anew. */
  draw(part: Part | undefined): void {
    const { canvas, context, photo } = this
    if (!photo) return
    context.drawImage(photo, 0, 0, canvas.width, canvas.height)
    if (part) context.putImageData(part.pixels, part.region.x1, part.region.y1)
    this.mark()
  }

  /** "AI" on a dark plate in the lower right corner, in recordings as well. */
  private mark(): void {
    const { canvas, context } = this
    const tall = Math.max(16, Math.round(Math.min(canvas.width, canvas.height) * MARK))
    const wide = Math.round(tall * WIDE)
    const [x, y] = [canvas.width - wide - tall / 2, canvas.height - tall * 1.5]
    context.fillStyle = 'rgb(24 24 24 / 85%)'
    context.beginPath()
    context.roundRect(x, y, wide, tall, tall / 5)
    context.fill()
    context.fillStyle = '#fff'
    context.font = `700 ${Math.round(tall * 0.7)}px system-ui, sans-serif`
    context.textAlign = 'center'
    context.textBaseline = 'middle'
    context.fillText('AI', x + wide / 2, y + tall * 0.54)
  }
}
