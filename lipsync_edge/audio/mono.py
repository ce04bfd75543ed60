"""Mix of two channels to the one that the networks hear, without losing what people hear.

The mean of two channels is silent where one is the other turned round, and nearly so where they are strongly out of
phase: badly soldered cables, spatial effects, some cameras. Over two loudspeakers such a voice is as loud as any. There
half the difference is taken, which is what the mean would be had the channel not been turned round.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.resample import to_float32
from lipsync_edge.errors import InputError
from lipsync_edge.types import F32

_BLOCKS_A_SECOND = 100
_MEMORY_S = 0.1  # over which energies are weighed
_OPPOSED, _ALIKE = -0.5, 0.2  # correlations below and above which the difference and the mean are taken
MOST_CHANNELS = 8  # of a sound that is pushed
_SILENCE = 1e-9  # mean square below which nothing is decided


def time_first(pcm: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return sound of several channels with time along its first axis; what is neither way sound is refused.

    Arrays come both ways: (n, channels) of sound devices and files, (channels, n) of torch. The axis of channels is the
    one that is short enough; where both are, it is the last.

    Args:
        pcm: (n,), (n, channels) or (channels, n).
    """
    if pcm.ndim == 2 and not pcm.size:
        return pcm.ravel()
    if pcm.ndim != 2 or pcm.shape[1] <= MOST_CHANNELS:
        return pcm
    if pcm.shape[0] <= MOST_CHANNELS:
        return pcm.T
    raise InputError(
        expected=f"samples of shape (n,), or with an axis of at most {MOST_CHANNELS} channels",
        got=f"{pcm.dtype} of shape {pcm.shape}",
        fix="give mono sound",
    )


class MonoMix:
    """Streaming mix to mono, whose output does not depend on how the input was cut into pieces.

    What is decided of a block of 10 ms goes by the blocks before it, so that nothing waits; the change itself takes a
    block, so that it does not click.

    Args:
        rate: samples a second.
    """

    def __init__(self, rate: int) -> None:
        self._length = max(1, rate // _BLOCKS_A_SECOND)
        self._kept = np.exp(-self._length / (rate * _MEMORY_S))
        self._ramp = (np.arange(1, self._length + 1) / self._length).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget every sample."""
        self._block: F32 = np.zeros((0, 2), np.float32)  # what has come of the block under way
        self._energy = self._common = 0.0
        self._sign = self._sign_before = np.float32(1)

    def push(self, pcm: npt.ArrayLike) -> F32:
        """Mix sound, int16 or float, (n,), (n, channels) or (channels, n), to float32 (n,).

        More channels than two are averaged.

        Raises:
            InputError: another type or shape, or more channels than anybody speaks into.
        """
        array = time_first(np.asarray(pcm))
        if array.ndim != 2 or array.shape[1] != 2:
            return to_float32(array)
        stereo = to_float32(array.ravel()).reshape(array.shape)
        mixed, done = [np.zeros(0, np.float32)], 0
        while done < len(stereo):
            at = len(self._block)
            part = stereo[done : done + self._length - at]
            mixed.append(self._mixed(part, at))
            self._block = np.concatenate([self._block, part])
            done += len(part)
            if len(self._block) == self._length:
                self._weigh()
        return np.concatenate(mixed)

    def _mixed(self, part: F32, at: int) -> F32:
        """Mix a part, float32 (n, 2), that begins at sample `at` of its block."""
        half = np.float32(0.5)
        if self._sign == self._sign_before:
            return part[:, 0] * half + part[:, 1] * (half * self._sign)
        risen = self._ramp[at : at + len(part)]
        sign = self._sign_before + (self._sign - self._sign_before) * risen
        return np.asarray(part[:, 0] * half + part[:, 1] * (half * sign), np.float32)

    def _weigh(self) -> None:
        """Take a whole block into account, and begin the next."""
        left, right = self._block.astype(np.float64).T
        self._energy = self._energy * self._kept + float(left @ left + right @ right)
        self._common = self._common * self._kept + float(2 * (left @ right))
        self._block = self._block[:0]
        self._sign_before = self._sign
        if self._energy > _SILENCE * self._length:
            correlation = self._common / self._energy
            turned = correlation < (_OPPOSED if self._sign > 0 else _ALIKE)
            self._sign = np.float32(-1 if turned else 1)
