"""Turns: who speaks when, as intervals on a sound's clock, and the gain that they give each moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.types import F32

EDGE_S = 0.05  # a turn is taken so much longer on both sides: its edges are not known to the frame
FADE_S = 0.05  # over which its gain then rises and falls
REST_S = (
    1.0  # turns of one person that are nearer to each other are one for a mouth that rests as it was filmed
)

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody speaks from `start` to `end`, in seconds."""

    speaker: str
    start: float
    end: float


class Turns:
    """The turns of one person.

    Args:
        turns: in any order; they may overlap.
    """

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._starts, self._ends = _joined([(turn.start, turn.end) for turn in turns], 2 * (EDGE_S + FADE_S))
        self._long = _joined([*zip(self._starts.tolist(), self._ends.tolist(), strict=True)], REST_S)

    @property
    def spans(self) -> list[tuple[float, float]]:
        """First and last second of each, in order; those that nearly touch are one."""
        return [*zip(self._starts.tolist(), self._ends.tolist(), strict=True)]

    def gain(self, times: npt.ArrayLike) -> F32:
        """Return the gain of moments, seconds (n,): float32 (n,), 1 in a turn, 0 outside, a slope at its edges."""
        at = np.asarray(times, np.float64)
        i = np.searchsorted(self._starts, at, "right")
        begun = np.concatenate([[-np.inf], self._ends])[i]  # end of the turn that began last
        coming = np.concatenate([self._starts, [np.inf]])[i]
        outside = np.minimum(np.maximum(at - begun, 0.0), coming - at)
        return np.clip(1.0 - (outside - EDGE_S) / FADE_S, 0.0, 1.0).astype(np.float32)

    def rests(self, time: float) -> bool:
        """Whether the person is silent at a moment for longer than a pause within their speech."""
        starts, ends = self._long
        margin = EDGE_S + FADE_S
        return not bool(((starts - margin < time) & (time < ends + margin)).any())


def _joined(spans: list[tuple[float, float]], gap: float) -> tuple[F64, F64]:
    """Return starts and ends, (n,) each, in order; what lies nearer than `gap` is one span."""
    out: list[list[float]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1] + gap:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    array = np.array(out, np.float64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def speech_turns(gains: npt.NDArray[Any], columns_a_second: float, speaker: str) -> list[Turn]:
    """Return the turns in which a voice is heard, of the gain of each mel column, (n,), 0 to 1."""
    loud = np.concatenate([[False], np.asarray(gains) > 0, [False]])
    edges = np.flatnonzero(loud[1:] != loud[:-1]) / columns_a_second
    return [Turn(speaker, float(start), float(end)) for start, end in edges.reshape(-1, 2)]
