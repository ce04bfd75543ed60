"""What goes out in one slot of a show, and where to."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from lipsync_edge.pipeline.frame import Event
from lipsync_edge.types import U8

I16 = npt.NDArray[np.int16]
MomentState = Literal["speech", "silence", "idle", "starved", "late"]


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One slot of the output, which lasts from slot / fps to (slot + 1) / fps.

    Attributes:
        slot: number since the show began; every slot comes once, in order.
        time: slot / fps, in seconds.
        pcm: int16 (k,) mono, the sound of this slot; k is the same for every slot, or differs by one.
        image_bgr: uint8 (H, W, 3), or None when there is no new picture.
        state: "speech", "silence" or "idle" as the stream says; "starved": its sound did not come in time;
            "late": its moment was gone before it was made, so it was dropped (its sound was not).
        event: "speech_start", "speech_end" or "".
    """

    slot: int
    time: Fraction
    pcm: I16
    image_bgr: U8 | None
    state: MomentState
    event: Event = ""


class Sink(Protocol):
    """Takes moments. All calls come from one thread, but `interrupt` from that of the interrupter, between writes."""

    def write(self, moment: Slot) -> None:
        """Take one moment; may block, which makes the next ones late."""

    def interrupt(self) -> None:
        """Throw away what was written and not shown yet."""

    def close(self) -> None:
        """Finish the output; called once, also after an error."""


class Track:
    """The sound of the utterance under way, cut into slots; ends with silence.

    Args:
        rate: samples a second.
        fps: slots a second.
    """

    def __init__(self, rate: int, fps: Fraction) -> None:
        self.rate, self.fps = rate, fps
        self._parts: list[I16] = []

    def push(self, pcm: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> None:
        """Add sound, int16 or float32 (n,)."""
        self._parts.append(to_int16(pcm))

    def clear(self) -> None:
        """Forget what was not taken."""
        self._parts.clear()

    @property
    def pending(self) -> bool:
        """Whether there is sound that was not taken."""
        return bool(self._parts)

    def length(self, slot: int) -> int:
        """Samples of one slot: the sum over the first n slots is floor(n * rate / fps), for ever."""
        return floor((slot + 1) * self.rate / self.fps) - floor(slot * self.rate / self.fps)

    def silence(self, slot: int) -> I16:
        """Silence for one slot, int16 (k,)."""
        return np.zeros(self.length(slot), np.int16)

    def take(self, slot: int) -> I16:
        """The next sound, int16 (k,), as long as `slot`; silence where there is no more."""
        out = self.silence(slot)
        done = 0
        while self._parts and done < len(out):
            part = self._parts[0]
            count = min(len(part), len(out) - done)
            out[done : done + count] = part[:count]
            done += count
            self._parts[:1] = [part[count:]] if count < len(part) else []
        return out


def to_int16(pcm: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> I16:
    """Samples as int16 (n,); floats of -1 to 1 are scaled by 32767, others clipped, NaN is 0."""
    if pcm.dtype == np.int16:
        return np.asarray(pcm, np.int16)
    scaled = np.nan_to_num(np.asarray(pcm, np.float32), nan=0.0) * np.float32(32767.0)
    return np.asarray(np.clip(np.rint(scaled), -32768, 32767), np.int16)
