/** Speech or silence, column by column, from the level of the mel alone; causal, as `lipsync_edge/audio/vad.py`. */
import { HOP, SAMPLE_RATE, levelDb, type Column } from './mel'

const MARGIN_DB = 12
const FIRST_FLOOR_DB = -80
const LOWEST_FLOOR_DB = -95
const HIGHEST_FLOOR_DB = -72
const RISE_DB_PER_S = 3
const HANGOVER_S = 0.4 // in a short pause mouths stay open
const FADE_S = 0.08
const COLUMNS_PER_S = SAMPLE_RATE / HOP

/** How many columns the gain takes from 1 to 0. */
export const FADE_COLUMNS = FADE_S * COLUMNS_PER_S

/** Voice activity detector: columns in, one gain a column out, 0 (silence) to 1 (speech). */
export class VoiceActivityDetector {
  private floorDb = FIRST_FLOOR_DB
  private gain = 0
  private hold = 0

  /** Forget the noise floor and close the gate. */
  reset(): void {
    this.floorDb = FIRST_FLOOR_DB
    this.gain = this.hold = 0
  }

  /** Gain of the next column; it opens at once and fades out slowly. */
  push(column: Column): number {
    const level = levelDb(column)
    const risen = this.floorDb + RISE_DB_PER_S / COLUMNS_PER_S
    this.floorDb = Math.min(Math.max(Math.min(level, risen), LOWEST_FLOOR_DB), HIGHEST_FLOOR_DB)
    if (level > this.floorDb + MARGIN_DB) {
      this.hold = Math.round(HANGOVER_S * COLUMNS_PER_S)
      this.gain = 1
    } else if (this.hold > 0) {
      this.hold--
    } else {
      this.gain = Math.max(0, this.gain - 1 / FADE_COLUMNS)
    }
    return Math.fround(this.gain)
  }
}

/** Gain of a frame whose own column is `gains[0]`, the rest being what comes after: it opens a little early. */
export function fadeIn(gains: ArrayLike<number>): number {
  let most = 0
  for (let k = 0; k < gains.length && k < FADE_COLUMNS; k++) most = Math.max(most, gains[k]! * (1 - k / FADE_COLUMNS))
  return most
}
