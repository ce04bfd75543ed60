"""Faces over time: frames go in, frames with the place of one person's face come out.

The tracker holds a few frames back, because it looks both ways in time: between two detections the face is
interpolated, and every position is smoothed with those after it as well as those before it, so that smoothing adds
no lag. A new shot forgets positions, never the person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np

from lipsync_edge.errors import NoFaceError
from lipsync_edge.face.identity import TargetIdentity, appearance, choose, parse_choice
from lipsync_edge.face.options import FindFaces, TrackOptions
from lipsync_edge.face.reference_tracker import ReferenceTracker
from lipsync_edge.face.shots import CutDetector
from lipsync_edge.face.smooth_tracker import SmoothTracker
from lipsync_edge.types import F32, U8, Frame

__all__ = ["TrackOptions", "Tracker", "track"]


class Tracker:
    """Follows one person through a video.

    Args:
        options: how.
        find_faces: the detector.

    Raises:
        NoFaceError: the reference picture shows no face.
    """

    def __init__(self, options: TrackOptions, find_faces: FindFaces) -> None:
        self.options = options
        self._find_faces = find_faces
        self._reference = (
            None if options.reference_bgr is None else self._appearance_of(options.reference_bgr)
        )
        self.reset()

    def reset(self) -> None:
        """Forget every frame and the person; the next push begins a new video."""
        self._count = 0
        self._cuts = CutDetector()
        self._size: tuple[int, ...] = ()
        self._target = TargetIdentity(parse_choice(self.options.face), self._reference)
        self._part: SmoothTracker | ReferenceTracker = self._new_part()

    def push(self, frame: Frame) -> list[Frame]:
        """Take the next frame, give those that are finished, in order and with their faces.

        A frame is kept, not copied, until its own turn comes; its index and time are given back unchanged.
        """
        cut = self._cuts.push(frame.image_bgr) or frame.image_bgr.shape != self._size
        self._size = frame.image_bgr.shape
        done: list[Frame] = []
        if cut and self._count and isinstance(self._part, SmoothTracker):
            done = self._part.close()
            self._part = self._new_part()
        done += self._part.push(replace(frame, shot_start=cut))
        self._count += 1
        return done

    def flush(self) -> list[Frame]:
        """End the video: give the frames that were held back, then reset."""
        done = self._part.close()
        self.reset()
        return done

    def _new_part(self) -> SmoothTracker | ReferenceTracker:
        if self.options.mode == "reference":
            return ReferenceTracker(self.options, self._find_faces, self._target)
        return SmoothTracker(self.options, self._find_faces, self._target)

    def _appearance_of(self, picture_bgr: U8) -> F32:
        boxes = self._find_faces([picture_bgr], self.options.side)[0]
        found = choose(boxes, "largest")
        if found is None:
            raise NoFaceError(
                expected="a face in the reference picture",
                got=f"none in its {picture_bgr.shape[1]}x{picture_bgr.shape[0]} pixels",
                fix="take another picture",
            )
        landmarks = None if boxes.landmarks is None else boxes.landmarks[found]
        return np.asarray(appearance(picture_bgr, boxes.xyxy[found], landmarks), np.float32)


def track(
    frames: Iterable[Frame], tracker: Tracker, probe: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[Frame]:
    """Yield the frames with their faces, a few behind those that are read.

    Args:
        frames: frames of one video, in order.
        tracker: a fresh one.
        probe: gives a context manager that is entered round each push.
    """
    for frame in frames:
        with probe():
            done = tracker.push(frame)
        yield from done
    yield from tracker.flush()


def track_still(
    frames: Iterable[Frame], tracker: Tracker, probe: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[Frame]:
    """Yield frames that all show one still picture; only the first is looked at."""
    found: Frame | None = None
    for position, frame in enumerate(frames):
        if found is None:
            with probe():
                found = (tracker.push(frame) + tracker.flush())[0]
        yield replace(frame, faces=found.faces, shot_start=position == 0)
