"""Audio front ends: what turns sound into the columns of features that a lips network hears, by the card's name.

Another one is a module beside `lipsync_edge.audio.mel`, an entry here and `[audio] front_end` in a card.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from lipsync_edge.audio import mel
from lipsync_edge.errors import ModelError
from lipsync_edge.models.spec import AudioWindow
from lipsync_edge.types import F32


class ColumnStream(Protocol):
    """Turns samples that arrive in pieces into columns, the same whatever the pieces."""

    def push(self, samples: F32) -> F32:
        """Take samples, float32 (n,), mono, -1…1; give the columns they complete, float32 (bands, k)."""
        ...

    def flush(self) -> F32:
        """End the sound: give the columns that waited for its end, float32 (bands, k), then reset."""
        ...

    def reset(self) -> None:
        """Forget every sample."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """One front end: column k describes the sound round its sample `hop * k`.

    Attributes:
        rate: samples a second that it takes.
        hop: samples between two columns.
        reach: samples from a column's own on, itself counted, that must be in before the column can leave.
        edge: samples more that column 0 needs.
        bands: rows of its columns.
        silence: value of every row where nothing is heard.
        open: returns a fresh stream.
        level_db: mean power of columns, float32 (bands, k) → float32 (k,), in dB of full scale, for the VAD.
    """

    rate: int
    hop: int
    reach: int
    edge: int = 0
    bands: int
    silence: float
    open: Callable[[], ColumnStream]
    level_db: Callable[[F32], F32]

    @property
    def columns_per_second(self) -> Fraction:
        """Columns a second."""
        return Fraction(self.rate, self.hop)

    def column(self, time: Fraction) -> int:
        """Return the number of the column of `time` seconds; may be negative or past the end."""
        return int(self.columns_per_second * time)

    def samples_needed(self, time: Fraction, audio: AudioWindow) -> int:
        """Return the samples that must have arrived before the window of a frame at `time` seconds is complete."""
        last = self.column(time) + audio.offset + audio.columns - 1
        return max(0, last * self.hop + self.reach + (self.edge if last == 0 else 0))

    def lookahead(self, audio: AudioWindow) -> Fraction:
        """Return the most seconds of sound after a frame's own time that its window needs."""
        return Fraction(max(0, (audio.columns + audio.offset - 1) * self.hop + self.reach), self.rate)

    def silent(self, columns: int) -> F32:
        """Return the columns of silence, float32 (bands, columns)."""
        return np.full((self.bands, columns), self.silence, np.float32)


FRONT_ENDS: dict[str, FrontEnd] = {  # by the names that cards use
    "mel80": FrontEnd(
        rate=mel.SAMPLE_RATE,
        hop=mel.HOP,
        reach=mel.WINDOW // 2,
        edge=1,  # reflection about the first sample looks one further
        bands=mel.BANDS,
        silence=mel.FLOOR,
        open=mel.MelStream,
        level_db=mel.level_db,
    ),
}


def front_end(audio: AudioWindow) -> FrontEnd:
    """Return the front end that a card's [audio] table names.

    Raises:
        ModelError: there is none of this name; the known ones are listed.
    """
    if audio.front_end not in FRONT_ENDS:
        raise ModelError(
            expected=f"an audio front end out of {', '.join(FRONT_ENDS)}",
            got=repr(audio.front_end),
            fix="a newer lipsync-edge may know it",
        )
    return FRONT_ENDS[audio.front_end]
