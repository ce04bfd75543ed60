/** Mix of two channels to one that keeps a voice whose channels are out of phase, as `lipsync_edge/audio/mono.py`. */

const BLOCKS_A_SECOND = 100
const MEMORY_S = 0.1 // over which energies are weighed
const OPPOSED = -0.5 // correlation below which half the difference is taken
const ALIKE = 0.2 // and above which the mean is again
const SILENCE = 1e-9 // mean square below which nothing is decided

/** Mix all channels of a whole sound, each of the same length, to one. */
export function mixToMono(channels: readonly Float32Array[], rate: number): Float32Array {
  const [left, right] = channels
  if (!left) return new Float32Array(0)
  if (!right) return left
  if (channels.length > 2) return mean(channels)
  return stereo(left, right, rate)
}

function mean(channels: readonly Float32Array[]): Float32Array {
  return Float32Array.from(channels[0]!, (_, i) => {
    let sum = 0
    for (const channel of channels) sum += channel[i]!
    return sum / channels.length
  })
}

function stereo(left: Float32Array, right: Float32Array, rate: number): Float32Array {
  const length = Math.max(1, Math.floor(rate / BLOCKS_A_SECOND))
  const kept = Math.exp(-length / (rate * MEMORY_S))
  const mixed = new Float32Array(left.length)
  let energy = 0
  let common = 0
  let sign = 1
  let before = 1
  for (let first = 0; first < left.length; first += length) {
    const end = Math.min(first + length, left.length)
    let squares = 0
    let product = 0
    for (let i = first; i < end; i++) {
      const [l, r] = [left[i]!, right[i]!]
      const turned = before + (sign - before) * Math.fround((i - first + 1) / length)
      mixed[i] = 0.5 * l + 0.5 * turned * r
      squares += l * l + r * r
      product += l * r
    }
    energy = energy * kept + squares
    common = common * kept + 2 * product
    before = sign
    if (energy > SILENCE * length) sign = common / energy < (sign > 0 ? OPPOSED : ALIKE) ? -1 : 1
  }
  return mixed
}
