"""Several voices on the faces of frames: everybody hears their own sound, or their own turns of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.alignment import FeatureStream, FeatureWindow
from lipsync_edge.audio.front_end import FrontEnd
from lipsync_edge.audio.mix import Sound
from lipsync_edge.audio.reader import read_mono
from lipsync_edge.audio.turns import Turns, speech_turns
from lipsync_edge.audio.vad import VoiceActivityDetector
from lipsync_edge.choices import Listening
from lipsync_edge.pipeline.voices import Part
from lipsync_edge.types import Face, Frame


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """One sound: what is read of it, and what it gives the faces."""

    pieces: Iterator[npt.ArrayLike]
    stream: FeatureStream

    def at(self, time: Fraction) -> FeatureWindow | None:
        """Give what a frame hears, reading as far as it needs; None behind the end. Times must grow."""
        while self.stream.state(time) == "wait":
            piece = next(self.pieces, None)
            if piece is None:
                self.stream.end()
            else:
                self.stream.push(piece)
        return self.stream.window(time) if self.stream.state(time) == "ready" else None


class Voices:
    """Lays everybody's voice on the faces of frames.

    Args:
        parts: who says what.
        part_of: part of each identity.
        listen: makes the audio side of a sound's rate.
        silence: what a face hears when nobody speaks.
        start: second of the sounds' clock that is second 0 of the frames'.
        end: its end, or None.
        listening: what a mouth does while others speak: it is closed, or stays as it was filmed.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        part_of: Sequence[int],
        listen: Callable[[int], FeatureStream],
        silence: FeatureWindow,
        *,
        start: Fraction = Fraction(0),
        end: Fraction | None = None,
        listening: Listening = "closed",
    ) -> None:
        sounds: list[Sound] = list(dict.fromkeys(part.sound for part in parts))
        self._heard = [Heard(one.pieces(start, end), listen(one.info.rate)) for one in sounds]
        self._sound_of = [sounds.index(part.sound) for part in parts]
        self._turns = [None if part.turns is None else Turns(part.turns) for part in parts]
        self._part_of, self._silence, self._start = tuple(part_of), silence, float(start)
        self._rests = (
            [_speech(part, listen(part.sound.info.rate).front) for part in parts]
            if listening == "filmed"
            else []
        )

    def lay_on(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Give the frames with what their faces hear, until the last sound or frame ends."""
        for frame in frames:
            heard = [one.at(frame.time) for one in self._heard]
            if all(one is None for one in heard):
                return
            faces = tuple(self._hearing(face, frame.time, heard) for face in frame.faces)
            yield replace(frame, faces=faces)

    def _hearing(self, face: Face, time: Fraction, heard: Sequence[FeatureWindow | None]) -> Face:
        part = self._part_of[face.identity]
        if self._rests and self._rests[part].rests(self._start + float(time)):
            return replace(face, features=None, gain=0.0)
        window = heard[self._sound_of[part]] or self._silence
        turns = self._turns[part]
        if turns is not None and window.gain > 0:
            a_second = float(self._heard[self._sound_of[part]].stream.front.columns_per_second)
            window = within(window, turns, self._start, self._start + float(time), a_second)
        return replace(face, features=window.features, gain=window.gain)


def _speech(part: Part, front: FrontEnd) -> Turns:
    """Return when a part's person speaks: their turns, or what is heard in their own sound."""
    if part.turns is not None:
        return Turns(part.turns)
    columns, vad = front.open(), VoiceActivityDetector(front)
    sound = read_mono(part.sound.file, front.rate, part.sound.begins)
    gains = [vad.push(columns.push(piece)) for piece in sound]
    gains.append(vad.push(columns.flush()))
    return Turns(speech_turns(np.concatenate(gains), float(front.columns_per_second), part.who))


def within(
    window: FeatureWindow, turns: Turns, start: float, time: float, columns_a_second: float
) -> FeatureWindow:
    """Return a window with silence where it is not its person's turn.

    Args:
        window: what everybody hears.
        turns: the person's.
        start: second of the turns' clock at which the window's sound begins.
        time: of the frame, on the turns' clock.
        columns_a_second: of the front end.
    """
    columns = window.first + np.arange(window.features.shape[1])
    return window.masked(turns.gain(start + columns / columns_a_second), float(turns.gain([time])[0]))
