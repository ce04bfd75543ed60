"""Playout slots: the picture and the sound of 1 / fps seconds, and the sinks that take them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.pipeline.frame import Event
from lipsync_edge.pipeline.picture import Picture
from lipsync_edge.types import U8

I16 = npt.NDArray[np.int16]
SlotState = Literal["speech", "silence", "idle", "starved", "late"]


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One playout slot, which lasts from index / fps to (index + 1) / fps.

    Attributes:
        index: number since the session began; every slot comes once, in order.
        time: index / fps, in seconds.
        pcm: int16 (k,) mono, the sound of this slot; k is the same for every slot, or differs by one.
        picture: the picture in the forms that outputs ask for, or None when there is no new one.
        state: "speech", "silence" or "idle" as the stream says; "starved": its sound did not come in time;
            "late": its time was gone before its picture was made, so the picture was dropped (the sound was not).
        event: "speech_start", "speech_end" or "".
        utterance: number of the utterance that its picture belongs to, or the last one when idle; 0 without a picture.
    """

    index: int
    time: Fraction
    pcm: I16
    picture: Picture | None
    state: SlotState
    event: Event = ""
    utterance: int = 0

    @property
    def image_bgr(self) -> U8 | None:
        """The whole picture, uint8 (H, W, 3), not to be written to; None when there is no new one."""
        return None if self.picture is None else self.picture.image_bgr


class Sink(Protocol):
    """Output that takes slots.

    All calls come from the render thread, but `interrupt` from that of the interrupter, between two writes.
    """

    def write(self, slot: Slot) -> None:
        """Take one slot; may block, which makes the next ones late."""

    def interrupt(self) -> None:
        """Throw away what was written and not shown yet."""

    def close(self) -> None:
        """Finish the output; called once, also after an error."""


class PlayoutBuffer:
    """PCM buffer that cuts the sound of the utterance under way into slots; it ends with silence.

    Args:
        rate: samples a second.
        fps: slots a second.
    """

    def __init__(self, rate: int, fps: Fraction) -> None:
        self.rate, self.fps = rate, fps
        self._pieces: deque[I16] = deque()

    def push(self, pcm: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> None:
        """Add sound, int16 or float32 (n,)."""
        self._pieces.append(to_int16(pcm))

    def clear(self) -> None:
        """Forget what was not taken."""
        self._pieces.clear()

    @property
    def pending(self) -> bool:
        """Whether there is sound that was not taken."""
        return bool(self._pieces)

    def length(self, index: int) -> int:
        """Return the samples of one slot: the sum over the first n slots is floor(n * rate / fps), for ever."""
        return floor((index + 1) * self.rate / self.fps) - floor(index * self.rate / self.fps)

    def silence(self, index: int) -> I16:
        """Return silence for one slot, int16 (k,)."""
        return np.zeros(self.length(index), np.int16)

    def take(self, index: int) -> I16:
        """Return the next sound, int16 (k,), as long as slot `index`; silence where there is no more."""
        out = self.silence(index)
        done = 0
        while self._pieces and done < len(out):
            piece = self._pieces.popleft()
            count = min(len(piece), len(out) - done)
            out[done : done + count] = piece[:count]
            done += count
            if count < len(piece):
                self._pieces.appendleft(piece[count:])
        return out
