"""A face for as long as the sound lasts: forwards, backwards, again; memory does not grow with length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count, islice
from pathlib import Path

from lipsync_edge.choices import Loop
from lipsync_edge.types import Frame
from lipsync_edge.video.probe import VideoInfo
from lipsync_edge.video.reader import VideoReader, read_still


def endless_frames(path: Path, info: VideoInfo, loop: Loop) -> Iterator[Frame]:
    """Yield frames with growing times from 0, without end unless `loop` is "cut".

    Args:
        path: the face file.
        info: what `probe` said of it.
        loop: what follows the last frame: the same backwards and forwards again ("pingpong"), the beginning
            ("repeat"), the last frame ("hold"), nothing ("cut"). A still is always repeated.
    """
    if info.still:
        yield from _hold(Frame(0, Fraction(0), read_still(path)), 1 / info.fps)
        return
    reader = VideoReader(path, track=info.track)
    last: Frame | None = None
    step = 1 / info.fps
    for frame in reader:
        if last is not None:
            step = frame.time - last.time
        last = frame
        yield frame
    if loop == "cut" or last is None:
        return
    if loop == "hold" or last.time == 0:
        yield from islice(_hold(last, step), 1, None)
    elif loop == "repeat":
        yield from _repeat(reader, last.time + step)
    else:
        yield from _back_and_forth(reader, last.time)


def _hold(frame: Frame, step: Fraction) -> Iterator[Frame]:
    time = frame.time
    while True:
        yield replace(frame, time=time)
        time += step


def _repeat(reader: VideoReader, period: Fraction) -> Iterator[Frame]:
    for turn in count(1):
        for frame in reader:
            yield replace(frame, time=turn * period + frame.time)


def _back_and_forth(reader: VideoReader, end: Fraction) -> Iterator[Frame]:
    """Play on after the first pass; the frames at both ends are shown once a turn."""
    for turn in count(1):
        began = turn * end
        for frame in islice(reader.backward() if turn % 2 else iter(reader), 1, None):
            yield replace(frame, time=began + (end - frame.time if turn % 2 else frame.time))
