"""Sound as it comes (any rate, int16 or float32) to float samples of the rate that is wanted: 16 kHz for the mel.

The resampler is a windowed-sinc polyphase filter whose every output sample is one sum over a fixed stretch of
input, so that its output does not depend on how the input was cut into chunks.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import InputError
from lipsync_edge.types import F32

TARGET_RATE = 16_000
LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000

_ZEROS = 16  # zero crossings of the sinc on each side, at the lower of the two rates
_ROLLOFF = 0.94  # cutoff as a fraction of the lower Nyquist frequency
_KAISER_BETA = 9.0  # about 90 dB down
_BLOCK = 4096  # outputs computed at a time, which bounds the memory of a long push


def to_float32(pcm: npt.ArrayLike) -> F32:
    """Convert samples of a host to float32 (n,), nominally -1 to 1.

    Args:
        pcm: (n,) mono, or (n, channels), which are averaged; int16 (divided by 32768) or any float type.

    Returns:
        float32 (n,); a NaN or an infinity becomes 0, so that one broken sample does not spoil a stream.

    Raises:
        InputError: another type or shape.
    """
    array = np.asarray(pcm)
    if array.ndim == 2 and array.shape[1] > 0:
        array = (
            to_float32(array.ravel()).reshape(array.shape).mean(axis=1, dtype=np.float64).astype(np.float32)
        )
    if array.ndim != 1 or not (array.dtype == np.int16 or np.issubdtype(array.dtype, np.floating)):
        raise InputError(
            expected="int16 or float32 samples of shape (n,) or (n, channels)",
            got=f"{array.dtype} of shape {array.shape}",
            fix="convert the sound first",
        )
    if array.dtype == np.int16:
        return array.astype(np.float32) / np.float32(32768.0)
    return np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def to_int16(pcm: npt.NDArray[np.int16] | npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int16]:
    """Convert samples to int16 (n,), the way back from `to_float32`: floats are scaled by 32768, clipped, NaN is 0."""
    if pcm.dtype == np.int16:
        return np.asarray(pcm, np.int16)
    scaled = np.nan_to_num(np.asarray(pcm, np.float32), nan=0.0) * np.float32(32768.0)
    return np.clip(np.rint(scaled), -32768, 32767).astype(np.int16)


class Resampler:
    """Streaming conversion of mono sound to another rate, 16 kHz unless told otherwise.

    Output sample m stands at the time m / target of the input; sound before the first and after the last sample
    is taken as silence. n input samples give ceil(n * target / rate) output samples. An output leaves when
    `lookahead` input samples after its own time are in (16 periods of the lower rate, 1 ms or less from 16 kHz up);
    where both rates are the same, sound passes unchanged and at once.

    Args:
        rate: input samples a second, 4000 to 384000.
        target: output samples a second, in the same range.
    """

    def __init__(self, rate: int, target: int = TARGET_RATE) -> None:
        for one in (rate, target):
            if not LOWEST_RATE <= one <= HIGHEST_RATE:
                raise InputError(
                    expected=f"a sample rate from {LOWEST_RATE} to {HIGHEST_RATE} Hz",
                    got=f"{one} Hz",
                    fix="resample the sound first",
                )
        self.rate, self.target = rate, target
        ratio = Fraction(target, rate)
        self._up, self._down = ratio.numerator, ratio.denominator
        self._half = 0 if ratio == 1 else int(np.ceil(_ZEROS / min(1.0, float(ratio))))
        self._filters = _polyphase(self._up, self._down, self._half)
        self.reset()

    @property
    def lookahead(self) -> int:
        """Input samples after an output's own time that must be in before it leaves."""
        return self._half

    def reset(self) -> None:
        """Forget every sample; the next push begins a new signal."""
        self._buffer: F32 = np.zeros(self._half, np.float32)  # starts at input sample _start
        self._start = -self._half
        self._count = 0
        self._given = 0

    def push(self, samples: F32) -> F32:
        """Take input samples, float32 (n,), and give those of the target rate, float32 (m,), that they complete."""
        if self._half == 0:
            return samples.astype(np.float32)
        self._buffer = np.concatenate([self._buffer, samples.astype(np.float32)])
        self._count += len(samples)
        # output m needs the input samples up to floor(m * down / up) + half
        return self._give(max(0, -(-(self._count - self._half) * self._up // self._down)))

    def flush(self) -> F32:
        """End the signal: give the outputs, float32 (m,), that still waited for sound, then reset."""
        if self._half == 0:
            return np.zeros(0, np.float32)
        self._buffer = np.concatenate([self._buffer, np.zeros(self._half + 1, np.float32)])
        out = self._give(-(-self._count * self._up // self._down))
        self.reset()
        return out

    def _give(self, end: int) -> F32:
        blocks = [self._block(first, min(end, first + _BLOCK)) for first in range(self._given, end, _BLOCK)]
        self._given = max(self._given, end)
        first_needed = self._given * self._down // self._up - self._half + 1
        if first_needed > self._start:
            self._buffer = self._buffer[first_needed - self._start :].copy()
            self._start = first_needed
        return np.concatenate([np.zeros(0, np.float32), *blocks])

    def _block(self, first: int, end: int) -> F32:
        position = np.arange(first, end, dtype=np.int64) * self._down
        left = position // self._up - self._half + 1 - self._start
        taps = left[:, None] + np.arange(2 * self._half)
        products = self._buffer[taps] * self._filters[position % self._up]
        return np.asarray(products.sum(axis=1), np.float32)


@lru_cache(maxsize=8)
def _polyphase(up: int, down: int, half: int) -> F32:
    """One filter a phase, float32 (up, 2 * half); tap j weighs input floor(position) - half + 1 + j."""
    if half == 0:
        return np.ones((1, 0), np.float32)
    cutoff = _ROLLOFF * min(1.0, up / down)
    phase = np.arange(up)[:, None] / up
    distance = np.arange(2 * half)[None, :] - half + 1 - phase
    inside = np.clip(1.0 - (distance / half) ** 2, 0.0, None)
    filters = (
        cutoff * np.sinc(cutoff * distance) * np.i0(_KAISER_BETA * np.sqrt(inside)) / np.i0(_KAISER_BETA)
    )
    filters /= filters.sum(axis=1, keepdims=True)  # a constant stays a constant
    return np.asarray(filters, np.float32)
