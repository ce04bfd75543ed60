"""What happens to a voice on its way: codecs of calls and old files, rooms. In time with the clean voice."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from training.data.sounds import resampled

Array = npt.NDArray[Any]

RATE = 16_000
LONGEST_DELAY = 0.25  # seconds that a codec may be late
ROOM = 0.5  # how often a voice sounds in a room
CODEC = 0.75  # how often it goes through a codec


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to squeeze speech: FFmpeg's encoder, the container it needs, sample rate, bits a second (0: fixed)."""

    name: str
    container: str
    rate: int
    bits: int


CODECS = (
    Codec("libopus", "matroska", 16_000, 6_000),
    Codec("libopus", "matroska", 16_000, 10_000),
    Codec("libopus", "matroska", 8_000, 8_000),
    Codec("aac", "matroska", 16_000, 16_000),
    Codec("libmp3lame", "matroska", 16_000, 16_000),
    Codec("libmp3lame", "matroska", 16_000, 24_000),
    Codec("libopencore_amrnb", "3gp", 8_000, 7_950),
    Codec("g723_1", "wav", 8_000, 6_300),
    Codec("pcm_mulaw", "wav", 8_000, 0),
)


def convolved(a: Array, b: Array) -> Array:
    """Return the full convolution of two sounds, by Fourier transforms."""
    count = len(a) + len(b) - 1
    size = 1 << (count - 1).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(a, size) * np.fft.rfft(b, size), size)[:count])


def through(samples: Array, codec: Codec) -> Array:
    """Return float32 16 kHz `samples` (n,) as they come out of a codec, moved back to their time, same length."""
    data = BytesIO()
    pcm = resampled(samples, RATE, codec.rate)
    with av.open(data, "w", format=codec.container) as container:
        stream = container.add_stream(codec.name, rate=codec.rate)
        stream.layout = "mono"
        if codec.bits:
            stream.bit_rate = codec.bits
        frame = av.AudioFrame.from_ndarray((pcm[None] * 32767).astype(np.int16), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = codec.rate, 0, Fraction(1, codec.rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data.seek(0)
    back = av.AudioResampler("flt", "mono", RATE)
    parts: list[Array] = []
    with av.open(data) as container:
        for one in container.decode(audio=0):
            parts += [piece.to_ndarray()[0] for piece in back.resample(one)]
        parts += [piece.to_ndarray()[0] for piece in back.resample(None)]
    return in_time(np.concatenate(parts), samples)


def in_time(late: Array, samples: Array) -> Array:
    """Move a sound back to where it fits `samples` best, at most a quarter of a second; same length."""
    most = int(LONGEST_DELAY * RATE)
    envelopes = [np.abs(sound[: 20 * RATE]) for sound in (late, samples)]
    smooth = [np.convolve(e - e.mean(), np.full(16, 1 / 16), "same") for e in envelopes]
    product = convolved(smooth[0], smooth[1][::-1])
    zero = len(smooth[1]) - 1
    window = product[zero - most : zero + most + 1] if zero >= most else product
    delay = int(np.argmax(window)) - min(most, zero)
    moved = late[delay:] if delay >= 0 else np.concatenate([np.zeros(-delay, late.dtype), late])
    return np.pad(moved, (0, max(0, len(samples) - len(moved))))[: len(samples)].astype(np.float32)


def in_room(samples: Array, rng: np.random.Generator) -> Array:
    """Return a voice as it sounds in a room: its own sound first, then a decaying tail; same length and level."""
    seconds = float(rng.uniform(0.2, 0.8))  # until it is 60 dB down
    time = np.arange(int(seconds * RATE)) / RATE
    tail = rng.normal(size=len(time)) * 10 ** (-3 * time / seconds)
    tail[: int(RATE * rng.uniform(0.001, 0.01))] = 0
    tail *= 10 ** (rng.uniform(-12, 3) / 20) / (np.sqrt((tail**2).sum()) + 1e-9)
    tail[0] = 1.0
    out = convolved(samples, tail)[: len(samples)]
    return np.asarray(out * (samples.std() / (out.std() + 1e-9)), np.float32)


def damaged(samples: Array, rng: np.random.Generator) -> Array:
    """Return a voice, float32 16 kHz (n,), in a room, through a codec, or both; same length."""
    if rng.random() < ROOM:
        samples = in_room(samples, rng)
    if rng.random() < CODEC:
        samples = through(samples, CODECS[int(rng.integers(len(CODECS)))])
    return samples
