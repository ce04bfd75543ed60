"""Reference tracker: follows a face as the published code does: every frame, whole pixels, the mean of five boxes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from lipsync_edge.face.options import FindFaces, TrackOptions
from lipsync_edge.face.people import Followed
from lipsync_edge.types import U8, Boxes, Face, Frame

_WINDOW = 5
_PATIENCE = 50  # frames kept back at most when faces are missing


@dataclass(slots=True, eq=False)
class _Item:
    frame: Frame
    box: list[int] | None


class ReferenceTracker:
    """One face a frame: the best detection of each, as published, or the fixed box; with a target, that person's.

    The published rule, in place and in whole pixels (a mean is cut off, not rounded):
    boxes[i] = mean(boxes[i : i + 5]); near the end, where i + 5 passes it, the window is boxes[n - 5 :], whose first
    boxes are means already (a clip of fewer than five frames takes boxes[n - 5 :] with that negative index, as Python
    understands it). The published code stops at a frame without a face; here it has no box, and takes no part in
    the means.
    """

    def __init__(self, options: TrackOptions, find_faces: FindFaces, target: Followed | None) -> None:
        self._options = options
        self._find_faces = find_faces
        self._target = target
        self._waiting: deque[_Item] = deque()  # not given yet, in order
        # the last boxes, the given ones as smoothed; those of _waiting are raw
        self._tail: list[list[int]] = []

    def push(self, frame: Frame) -> list[Frame]:
        """Take the next frame, give those that are finished."""
        self._waiting.append(_Item(frame, self._detect(frame.image_bgr)))
        done = []
        while self._waiting and self._window_is_full():
            done.append(self._give(self._waiting.popleft()))
        return done

    def close(self) -> list[Frame]:
        """End the video, give the rest of its frames."""
        faces = self._tail + [item.box for item in self._waiting if item.box]
        done = []
        n, place = len(faces), len(self._tail)
        while self._waiting:
            item = self._waiting.popleft()
            if item.box and self._options.box_xyxy is None:
                window = faces[place : place + _WINDOW] if place + _WINDOW <= n else faces[n - _WINDOW :]
                faces[place] = item.box = _mean(window)
                place += 1
            done.append(_tracked(item))
        self._tail = []
        return done

    def _window_is_full(self) -> bool:
        if self._waiting[0].box is None or self._options.box_xyxy is not None:
            return True
        return (
            len(self._waiting) > _PATIENCE or sum(item.box is not None for item in self._waiting) >= _WINDOW
        )

    def _give(self, item: _Item) -> Frame:
        if item.box and self._options.box_xyxy is None:
            coming = [other.box for other in self._waiting if other.box]
            item.box = _mean([item.box, *coming[: _WINDOW - 1]])
            self._tail = [*self._tail, item.box][-_WINDOW:]
        return _tracked(item)

    def _detect(self, frame_bgr: U8) -> list[int] | None:
        """Left, top, right, bottom in whole pixels, pads included, clipped to the frame."""
        if self._options.box_xyxy is not None:
            return [int(value) for value in self._options.box_xyxy]
        boxes = self._find_faces([frame_bgr], self._options.side)[0]
        found = self._choose(frame_bgr, boxes)
        if found is None:
            return None
        x1, y1, x2, y2 = (int(value) for value in np.clip(boxes.xyxy[found], 0, None))
        top, bottom, left, right = self._options.pads
        height, width = frame_bgr.shape[:2]
        return [max(0, x1 - left), max(0, y1 - top), min(width, x2 + right), min(height, y2 + bottom)]

    def _choose(self, frame_bgr: U8, boxes: Boxes) -> int | None:
        """Index of the best face, or of the person who was asked for."""
        if self._target is None:
            return 0 if len(boxes) else None
        return self._target.find(frame_bgr, boxes)


def _mean(boxes: list[list[int]]) -> list[int]:
    """Mean of whole-pixel boxes, cut off to whole pixels."""
    return [int(value) for value in np.mean(boxes, axis=0)]


def _tracked(item: _Item) -> Frame:
    if item.box is None:
        return item.frame
    return replace(item.frame, faces=(Face(np.array(item.box, np.float32)),))
