"""The sound that a result carries, written in step with its pictures."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import numpy as np

from lipsync_edge.audio.mix import Mix
from lipsync_edge.pipeline.job import Job
from lipsync_edge.types import F32


class TakesSound(Protocol):
    """What writes a file with sound."""

    def write_sound(self, samples: F32) -> None:
        """Encode sound, float32 (n, channels), -1…1, that follows what was written before."""
        ...


class Soundtrack:
    """Feeds the sound that will be heard to the writer, just ahead of the pictures.

    Attributes:
        notes: what people should know of it.
    """

    def __init__(self, job: Job, writer: TakesSound) -> None:
        mix = Mix(job.heard, job.start, job.end)
        self.notes = mix.notes
        self._pieces = mix.pieces()
        self._rate = mix.rate
        self._writer = writer
        self._rest: F32 = np.zeros((0, mix.channels), np.float32)
        self._written = 0

    def until(self, time: Fraction) -> None:
        """Write sound up to `time` seconds, as far as there is any."""
        wanted = round(time * self._rate) - self._written
        while wanted > 0:
            if not len(self._rest):
                piece = next(self._pieces, None)
                if piece is None:
                    return
                self._rest = piece
            part, self._rest = self._rest[:wanted], self._rest[wanted:]
            self._writer.write_sound(part)
            self._written += len(part)
            wanted -= len(part)
