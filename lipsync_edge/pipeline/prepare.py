"""A face file to an avatar: decoded, detected and tracked once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from lipsync_edge.errors import UsageError
from lipsync_edge.face.tracker import TrackedFrame, Tracker
from lipsync_edge.pipeline.avatar import Avatar, AvatarOrigin, build_avatar
from lipsync_edge.pipeline.offline import RunOptions, track_options
from lipsync_edge.video.probe import VideoFrame, probe, read_image
from lipsync_edge.video.reader import VideoReader

if TYPE_CHECKING:
    from lipsync_edge.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareOptions:
    """What `prepare` may be told.

    Attributes:
        face: who speaks: "largest", "left", "right", an index from the left, or the path of a picture of them.
        box_xyxy: fixed face box in frame pixels.
        pads: top, bottom, left, right in pixels, added to the face box; None leaves the preset's.
        start: first second of the video that is taken.
        seconds: most of the video that is taken; the rest is left out.
    """

    face: str = "largest"
    box_xyxy: tuple[float, float, float, float] | None = None
    pads: tuple[int, int, int, int] | None = None
    start: float = 0.0
    seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.start < 0 or not 0 < self.seconds <= 3600:
            raise UsageError(
                expected="start >= 0 and up to 3600 seconds",
                got=f"start {self.start}, seconds {self.seconds}",
            )


def prepare(engine: Engine, face: str | Path, options: PrepareOptions | None = None) -> Avatar:
    """Make an avatar of a video or a still picture; see `Engine.prepare`.

    A video of uneven times is taken at its mean rate.
    """
    chosen, path = options or PrepareOptions(), Path(face)
    info = probe(path)
    wishes = RunOptions(face=chosen.face, box_xyxy=chosen.box_xyxy, pads=chosen.pads)
    tracker = Tracker(track_options(engine, wishes), engine.detector)
    frames: Iterator[VideoFrame]
    if info.still:
        frames = iter([VideoFrame(read_image(path), Fraction(0))])
    else:
        frames = iter(VideoReader(path, start=chosen.start, end=chosen.start + chosen.seconds))
    return build_avatar(_tracked(frames, tracker), info.fps, AvatarOrigin.of(engine), color=info.color)


def _tracked(frames: Iterator[VideoFrame], tracker: Tracker) -> Iterator[TrackedFrame]:
    for frame in frames:
        yield from tracker.push(frame.image_bgr, frame.time)
    yield from tracker.flush()
