/** Frames a second that are shown, and how long one takes to make. */

const REMEMBERED = 50

export class FrameMeter {
  private times: number[] = []
  private took: number[] = []

  reset(): void {
    this.times = []
    this.took = []
  }

  /** A frame was made in so many milliseconds. */
  made(took: number): void {
    this.took = [...this.took, took].slice(-REMEMBERED)
  }

  /** A frame is shown now. */
  shown(): void {
    this.times = [...this.times, performance.now()].slice(-REMEMBERED)
  }

  /** Frames a second of the last ones shown; 0 before the second. */
  get fps(): number {
    const { times } = this
    return times.length > 1 ? ((times.length - 1) * 1000) / (times.at(-1)! - times[0]!) : 0
  }

  /** Median time that a frame took, in milliseconds; 0 before the first. */
  get medianMs(): number {
    return [...this.took].sort((a, b) => a - b)[this.took.length >> 1] ?? 0
  }
}
