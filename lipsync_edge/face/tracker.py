"""Faces over time: frames go in, frames with the place of one person's face come out.

The tracker holds a few frames back, because it looks both ways in time: between two detections the face is
interpolated, and every position is smoothed with those after it as well as those before it, so that smoothing adds
no lag. A new shot forgets positions, never the person.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lipsync_edge.errors import NoFaceError
from lipsync_edge.face.identity import TargetIdentity, appearance, choose, parse_choice
from lipsync_edge.face.options import FindFaces, TrackedFrame, TrackOptions
from lipsync_edge.face.reference_tracker import ReferenceTracker
from lipsync_edge.face.shots import CutDetector
from lipsync_edge.face.smooth_tracker import SmoothTracker
from lipsync_edge.types import F32, U8

__all__ = ["TrackOptions", "TrackedFrame", "Tracker"]


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
        self._reference = None if options.reference_bgr is None else self._looks_of(options.reference_bgr)
        self.reset()

    def reset(self) -> None:
        """Forget every frame and the person; the next push begins a new video."""
        self._count = 0
        self._cuts = CutDetector()
        self._size: tuple[int, ...] = ()
        self._person = TargetIdentity(parse_choice(self.options.face), self._reference)
        self._part: SmoothTracker | ReferenceTracker = self._new_part()

    def push(self, frame_bgr: U8, time: Fraction) -> list[TrackedFrame]:
        """Take the next frame, give those that are finished, in order.

        Args:
            frame_bgr: uint8 (H, W, 3); kept, not copied, until its own turn comes.
            time: its time in seconds, given back unchanged.
        """
        cut = self._cuts.push(frame_bgr) or frame_bgr.shape != self._size
        self._size = frame_bgr.shape
        done: list[TrackedFrame] = []
        if cut and self._count and isinstance(self._part, SmoothTracker):
            done = self._part.close()
            self._part = self._new_part()
        done += self._part.push(self._count, frame_bgr, time, cut)
        self._count += 1
        return done

    def flush(self) -> list[TrackedFrame]:
        """End the video: give the frames that were held back, then reset."""
        done = self._part.close()
        self.reset()
        return done

    def _new_part(self) -> SmoothTracker | ReferenceTracker:
        if self.options.mode == "published":
            return ReferenceTracker(self.options, self._find_faces, self._person)
        return SmoothTracker(self.options, self._find_faces, self._person)

    def _looks_of(self, picture_bgr: U8) -> F32:
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
