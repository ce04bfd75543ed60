"""A face for as long as the sound lasts: forwards, backwards, again; memory does not grow with length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path

from lipsync_edge.choices import Loop
from lipsync_edge.types import Frame
from lipsync_edge.video.alpha import WHITE, Color
from lipsync_edge.video.probe import VideoInfo
from lipsync_edge.video.reader import PartOf, VideoReader, read_still


def endless_frames(
    path: Path,
    info: VideoInfo,
    loop: Loop,
    start: Fraction = Fraction(0),
    end: Fraction | None = None,
    *,
    background: Color = WHITE,
    part_of: PartOf = lambda position: None,
) -> Iterator[Frame]:
    """Yield frames with growing times, without end unless `loop` is "cut" or an end is given.

    Args:
        path: the face file.
        info: what `probe` said of it.
        loop: what follows the last frame: the same backwards and forwards again ("pingpong"), the beginning
            ("repeat"), the last frame ("hold"), nothing ("cut"). A still is always repeated.
        start: second of the endless film at which it begins, and from which times count.
        end: its end (exclusive), in seconds of the endless film.
        background: what transparent parts are laid on.
        part_of: which part of each frame is wanted in BGR, see `VideoReader`.
    """
    film = _Film(path, info, loop, background, part_of)
    for turn in count():
        frames, mapped, skips = film.turn(turn)
        for frame in frames:
            if skips:  # a seam: shown by the turn before
                skips = False
                continue
            if turn == 0:
                film.saw(frame)
            time = mapped(frame.time)
            if end is not None and time >= end:
                return
            if time >= start:
                yield replace(frame, time=time - start)
        if loop == "cut" and not info.still:
            return


class _Film:
    """Turns through a film: which frames each shows, and when."""

    def __init__(self, path: Path, info: VideoInfo, loop: Loop, background: Color, part_of: PartOf) -> None:
        self._background = background
        self._reader = (
            None
            if info.still
            else VideoReader(path, track=info.track, background=background, part_of=part_of)
        )
        self._path = path
        self._loop = loop
        self._last: Frame | None = None
        self._step = 1 / info.fps

    def saw(self, frame: Frame) -> None:
        """Note a frame of the first turn."""
        if self._last is not None:
            self._step = frame.time - self._last.time
        self._last = frame

    def turn(self, turn: int) -> tuple[Iterable[Frame], Callable[[Fraction], Fraction], bool]:
        """Return the frames of a turn, their times in the film → in the endless film, and whether to skip the first."""
        if self._last is None:
            if self._reader is None:
                still = Frame(0, Fraction(0), read_still(self._path, self._background))
                return [still], lambda time: time, False
            return self._reader, lambda time: time, False
        last, step = self._last, self._step
        if self._reader is None or self._loop == "hold" or last.time == 0:
            return [last], lambda time: time + turn * step, False
        if self._loop == "repeat":
            return self._reader, lambda time: time + turn * (last.time + step), False
        if turn % 2:
            return self._reader.backward(), lambda time: (turn + 1) * last.time - time, True
        return self._reader, lambda time: turn * last.time + time, True
