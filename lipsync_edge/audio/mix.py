"""Several sounds heard as one: their sum, levels untouched, made quieter as a whole only where it would clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import log10
from pathlib import Path

import numpy as np

from lipsync_edge.audio.reader import SoundInfo, read_sound
from lipsync_edge.audio.resample import Resampler
from lipsync_edge.types import F32


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound of a result.

    Attributes:
        file: where it is.
        info: what `probe_sound` said.
        begins: second of the file that is second 0 of the result's clock.
    """

    file: Path
    info: SoundInfo
    begins: Fraction = Fraction(0)

    @property
    def duration(self) -> Fraction | None:
        """Seconds from second 0 of the result's clock on, or None when the file does not say."""
        return None if self.info.duration is None else self.info.duration - self.begins

    def pieces(self, start: Fraction, end: Fraction | None) -> Iterator[F32]:
        """Give the sound from second `start` of the result's clock to `end`, float32 (n, channels), at its own rate."""
        return read_sound(
            self.file, self.info, start + self.begins, None if end is None else end + self.begins
        )


class Mix:
    """The sum of sounds.

    Args:
        sounds: one or more.
        start: first second, on the result's clock.
        end: last one, or None.

    Attributes:
        rate: samples a second: the highest of theirs.
        channels: 1, or 2 where one of them has two.
    """

    def __init__(self, sounds: Sequence[Sound], start: Fraction, end: Fraction | None) -> None:
        self._sounds, self._start, self._end = tuple(sounds), start, end
        self.rate, self.channels = rate_of(sounds), channels_of(sounds)
        self._gain: float | None = 1.0 if len(self._sounds) == 1 else None

    @property
    def gain(self) -> float:
        """What the sum is multiplied by: 1, or less where it would clip; found by going through all of it once."""
        if self._gain is None:
            peak = max((float(np.abs(piece).max()) for piece in self._sum() if piece.size), default=0.0)
            self._gain = min(1.0, 1.0 / peak) if peak > 0 else 1.0
        return self._gain

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of it."""
        if self.gain == 1.0:
            return ()
        return (f"the sum of the voices would have clipped: it is {-20 * log10(self.gain):.1f} dB quieter",)

    def pieces(self) -> Iterator[F32]:
        """Give the mix, float32 (n, channels) at `rate`; a single sound as it is."""
        if len(self._sounds) == 1:
            yield from self._sounds[0].pieces(self._start, self._end)
            return
        gain = np.float32(self.gain)
        for piece in self._sum():
            yield np.clip(piece * gain, -1.0, 1.0) if gain < 1 else piece

    def _sum(self) -> Iterator[F32]:
        coming = [_fitted(sound, self) for sound in self._sounds]
        waiting: list[F32 | None] = [np.zeros((0, self.channels), np.float32) for _ in coming]  # None: over
        while True:
            for k, pieces in enumerate(coming):
                while (rest := waiting[k]) is not None and not len(rest):
                    waiting[k] = next(pieces, None)
            there = [rest for rest in waiting if rest is not None]
            if not there:
                return
            length = min(len(rest) for rest in there)
            yield np.sum([rest[:length] for rest in there], axis=0, dtype=np.float32)
            waiting = [None if rest is None else rest[length:] for rest in waiting]

    def between(self) -> tuple[Fraction, Fraction | None]:
        """Return the first and last second, on the result's clock."""
        return self._start, self._end


def rate_of(sounds: Sequence[Sound]) -> int:
    """Return the rate of a mix, samples a second."""
    return max(sound.info.rate for sound in sounds)


def channels_of(sounds: Sequence[Sound]) -> int:
    """Return how many channels a mix has."""
    return max(sound.info.channels for sound in sounds)


def _fitted(sound: Sound, mix: Mix) -> Iterator[F32]:
    """Give a sound at the mix's rate and channels."""
    resamplers = [Resampler(sound.info.rate, mix.rate) for _ in range(sound.info.channels)]

    def wide(columns: list[F32]) -> F32:
        both = columns * mix.channels if len(columns) < mix.channels else columns
        return np.stack(both, axis=1)

    for piece in sound.pieces(*mix.between()):
        yield wide([one.push(piece[:, c]) for c, one in enumerate(resamplers)])
    yield wide([one.flush() for one in resamplers])
