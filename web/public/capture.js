// Hands on what the microphone hears, in pieces of about 20 ms.
const PIECE = 1024

class Capture extends AudioWorkletProcessor {
  constructor() {
    super()
    this.held = new Float32Array(PIECE)
    this.count = 0
  }

  process([channels]) {
    const sound = channels[0]
    if (!sound) return true
    for (const sample of sound) {
      this.held[this.count++] = sample
      if (this.count === PIECE) {
        this.port.postMessage(this.held, [this.held.buffer])
        this.held = new Float32Array(PIECE)
        this.count = 0
      }
    }
    return true
  }
}

registerProcessor('capture', Capture)
