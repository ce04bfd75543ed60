"""A face file to an avatar: decoded, detected and tracked once."""

from __future__ import annotations

import errno
import math
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from lipsync_edge.errors import (
    InputError,
    NoFaceError,
    NoVideoError,
    OutputError,
    UsageError,
    told_by_system,
)
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.looks import Looks
from lipsync_edge.face.tracker import Tracker, track, track_still
from lipsync_edge.models.preset import Preset
from lipsync_edge.pipeline.avatar import Avatar, AvatarOrigin
from lipsync_edge.pipeline.avatar_file import NUMBERS
from lipsync_edge.pipeline.job import track_options
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.pipeline.voices import ALL
from lipsync_edge.render.exemplars.library import MOST
from lipsync_edge.render.exemplars.planner import can_talk
from lipsync_edge.render.exemplars.watcher import Gatherer, Watcher
from lipsync_edge.types import F32, Frame
from lipsync_edge.video import tiles
from lipsync_edge.video.alpha import color_of
from lipsync_edge.video.color import STILL_COLOR, ColorTags
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader, read_still

MAX_SIDE = 1920  # what screens of kiosks and calls show
LEAST_SIDE = 64
QUALITY = 97  # of an avatar's JPEGs


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareOptions:
    """What `prepare` may be told.

    Attributes:
        face: who speaks: "largest", "left", "right", an index from the left, or the path of a picture of them.
        box_xyxy: fixed face box in frame pixels.
        pads: top, bottom, left, right in pixels, added to the face box; None leaves the preset's.
        start: first second of the video that is taken.
        seconds: most of the video that is taken; the rest is left out.
        max_side: pixels of the longer side at most, larger pictures are scaled down; 0 leaves them as they are.
        background: what transparent parts are laid on, see `RunOptions.background`.
    """

    face: str = "largest"
    box_xyxy: tuple[float, float, float, float] | None = None
    pads: tuple[int, int, int, int] | None = None
    start: float = 0.0
    seconds: float = 60.0
    max_side: int = MAX_SIDE
    background: str = "white"

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.face == ALL:
            raise UsageError(
                expected="one face, whose avatar is made", got=ALL, fix="name them left or right"
            )
        color_of(self.background)
        if not 0 <= self.start < math.inf or not 0 < self.seconds <= 3600:
            raise UsageError(
                expected="start >= 0 and up to 3600 seconds",
                got=f"start {self.start}, seconds {self.seconds}",
            )
        if self.max_side and self.max_side < LEAST_SIDE:
            raise UsageError(expected=f"a side of {LEAST_SIDE} pixels or more, or 0", got=str(self.max_side))


def prepare(
    detector: Detector,
    preset: Preset,
    face: str | Path,
    options: PrepareOptions | None = None,
    watcher: Watcher | None = None,
    looks: Looks | None = None,
) -> Avatar:
    """Make an avatar of a video or a still picture; see `lipsync_edge.Engine.prepare`.

    A video of uneven times is taken at its mean rate. With a watcher a person who talks gives their own mouths. Where
    others are seen, looks tell them apart.
    """
    chosen, path = options or PrepareOptions(), Path(face)
    info = probe(path)
    size = _fitted((info.width, info.height), chosen.max_side)
    scale = info.scale * size[0] / info.width
    wishes = RunOptions(face=chosen.face, box_xyxy=chosen.box_xyxy, pads=chosen.pads).scaled(scale)
    tracker = Tracker(track_options(preset, wishes), detector, looks=looks)
    frames: Iterable[Frame]
    if info.still:
        frames = [Frame(0, Fraction(0), read_still(path, color_of(chosen.background)))]
    else:
        frames = VideoReader(
            path,
            start=chosen.start,
            end=chosen.start + chosen.seconds,
            background=color_of(chosen.background),
        )
    origin, look = AvatarOrigin.of(detector, preset), None if info.still else watcher
    if size != (info.width, info.height):
        frames = (_scaled(frame, size) for frame in frames)
    tracked = track_still(frames, tracker) if info.still else track(frames, tracker)
    return build_avatar(tracked, info.fps, origin, color=info.color, watcher=look)


def _fitted(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Return the even size whose longer side is `max_side` at most; 0: the size itself."""
    longer = max(size)
    if not max_side or longer <= max_side:
        return size
    width, height = (max(2, round(side * max_side / longer / 2) * 2) for side in size)
    return width, height


def _scaled(frame: Frame, size: tuple[int, int]) -> Frame:
    small = cv2.resize(frame.image_bgr, size, interpolation=cv2.INTER_AREA)
    return replace(frame, image_bgr=np.asarray(small, np.uint8), source=None)


def build_avatar(
    tracked: Iterable[Frame],
    fps: Fraction,
    origin: AvatarOrigin,
    *,
    color: ColorTags = STILL_COLOR,
    watcher: Watcher | None = None,
) -> Avatar:
    """Make an avatar of tracked frames, all of one size; the pictures go to a temporary file, not to memory.

    Args:
        tracked: the frames; where their times do not keep to `fps`, their mean rate is taken.
        fps: nominal frames a second.
        origin: what they were tracked with.
        color: the tags of the file that they come from.
        watcher: looks at the faces for exemplars; None: the avatar gets none.

    Raises:
        NoVideoError: not one frame.
        NoFaceError: not one face.
        OutputError: the temporary folder cannot be written to, or is full.
    """
    faces: list[F32] = []
    exemplars = Gatherer(MOST)
    offsets, times = [0], []
    size = (0, 0)
    with _scratch() as file:
        for frame in tracked:
            picture = frame.image_bgr
            height, width = picture.shape[:2]
            size = size if faces else (width, height)
            if (width, height) != size:
                raise InputError(expected=f"frames of one size, {size[0]}x{size[1]}", got=f"{width}x{height}")
            jpeg = tiles.encode(picture, quality=QUALITY, full_color=True)
            _write(file, jpeg)
            offsets.append(offsets[-1] + len(jpeg))
            faces.append(_numbers(frame))
            if watcher is not None and frame.faces and frame.faces[0].landmarks is not None:
                exemplars.add(len(faces), watcher(picture, frame.faces[0].landmarks))
            times.append(frame.time)
        _check_faces(faces)
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    library = exemplars.build()
    return Avatar(
        fps=_rate(times, fps),
        size=size,
        origin=origin,
        faces=np.stack(faces),
        offsets=np.array(offsets, np.int64),
        data=data,
        color=color,
        library=library if can_talk(library) else None,
    )


@contextmanager
def _scratch() -> Iterator[IO[bytes]]:
    try:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed below; errors of the block are not ours
    except OSError as error:
        raise _no_room(error) from error
    with file:
        yield file


def _write(file: IO[bytes], data: bytes) -> None:
    try:
        written = file.write(data)
    except OSError as error:
        raise _no_room(error) from error
    if written != len(data):  # what a full disk says first
        raise _no_room(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        expected="room for the face's pictures in the temporary folder",
        got=told_by_system(error).got,
        fix="name another one in the environment variable TMPDIR",
    )


def _check_faces(faces: list[F32]) -> None:
    if not faces:
        raise NoVideoError(expected="a face video or picture", got="no frame")
    if all(np.isnan(row[0]) for row in faces):
        raise NoFaceError(
            expected="a face in the video",
            got=f"none in {len(faces)} frames",
            fix="use a clearer face, or --box",
        )


def _rate(times: list[Fraction], fps: Fraction) -> Fraction:
    """Nominal rate, or the mean one where the last frame stands more than half a frame away from its place."""
    length = times[-1] - times[0]
    if abs(length - (len(times) - 1) / fps) <= 1 / (2 * fps):
        return fps
    return ((len(times) - 1) / length).limit_denominator(100_000)


def _numbers(frame: Frame) -> F32:
    row = np.full(NUMBERS, np.nan, np.float32)
    for face in frame.faces[:1]:
        row[:4] = face.box_xyxy
        if face.landmarks is not None:
            row[4:] = face.landmarks.ravel()
    return row
