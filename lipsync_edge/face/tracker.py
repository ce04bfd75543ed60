"""Faces over time: frames go in, frames with the places of the followed people's faces come out.

The tracker holds a few frames back, because it looks both ways in time: between two detections a face is
interpolated, and every position is smoothed with those after it as well as those before it, so that smoothing adds
no lag. A new shot forgets positions, never people.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from weakref import ReferenceType, ref

import numpy as np

from lipsync_edge.errors import NoFaceError
from lipsync_edge.face.identity import choose
from lipsync_edge.face.looks import Looks, PatchLooks
from lipsync_edge.face.options import FindFaces, TrackOptions
from lipsync_edge.face.people import Followed, People, Wanted
from lipsync_edge.face.reference_tracker import ReferenceTracker
from lipsync_edge.face.shots import CutDetector
from lipsync_edge.face.smooth_tracker import SmoothTracker
from lipsync_edge.types import F32, U8, Boxes, Face, Frame

__all__ = ["TrackOptions", "Tracker", "track"]

REMEMBERED = 8  # frames whose faces several trackers ask for
STEP = 1 / 64  # pixel, to which a still's landmarks are rounded


class Tracker:
    """Follows one person, or several, through a video; a face's `identity` is their number.

    Args:
        options: how.
        find_faces: the detector.
        wanted: who is followed; several must be known by their looks. Without any it is the one person that the
            options name.
        looks: tells people apart.

    Raises:
        NoFaceError: the reference picture shows no face.
    """

    def __init__(
        self,
        options: TrackOptions,
        find_faces: FindFaces,
        wanted: Sequence[Wanted] = (),
        looks: Looks | None = None,
    ) -> None:
        self.options = options
        self._looks = SeenOnce(looks or PatchLooks())
        self._wanted = [*wanted] or [self._named(find_faces)]
        self._find_faces = find_faces if len(self._wanted) == 1 else FoundOnce(find_faces)
        self.reset()

    def reset(self) -> None:
        """Forget every frame and whoever was not wanted by their looks; the next push begins a new video."""
        self._count = 0
        self._cuts = CutDetector()
        self._size: tuple[int, ...] = ()
        self._people = People(self._wanted, self._looks)
        self._new_shot()
        self._done: list[deque[Frame]] = [deque() for _ in self._wanted]

    def push(self, frame: Frame) -> list[Frame]:
        """Take the next frame, give those that are finished, in order and with their faces.

        A frame is kept, not copied, until its own turn comes; its index and time are given back unchanged.
        """
        cut = self._cuts.push(frame.image_bgr) or frame.image_bgr.shape != self._size
        self._size = frame.image_bgr.shape
        if cut and self._count:
            self._end_shot()
        frame = replace(frame, shot_start=cut)
        for done, part in zip(self._done, self._parts, strict=True):
            done += part.push(frame)
        self._count += 1
        return self._finished()

    def flush(self) -> list[Frame]:
        """End the video: give the frames that were held back, then reset."""
        for done, part in zip(self._done, self._parts, strict=True):
            done += part.close()
        out = self._finished()
        self.reset()
        return out

    def _end_shot(self) -> None:
        if self.options.mode == "reference":  # the published means run on through cuts
            self._people.new_shot()
            return
        for done, part in zip(self._done, self._parts, strict=True):
            done += part.close()
        self._new_shot()

    def _new_shot(self) -> None:
        self._people.new_shot()
        self._parts = [self._new_part(k) for k in range(len(self._wanted))]

    def _new_part(self, k: int) -> SmoothTracker | ReferenceTracker:
        target = Followed(self._people, k)
        if self.options.mode == "reference":
            (wanted, *more), named = self._wanted, self.options.reference_bgr is not None
            best = wanted.rule == "largest" and wanted.looks is None and not more and not named
            return ReferenceTracker(self.options, self._find_faces, None if best else target)
        return SmoothTracker(self.options, self._find_faces, target)

    def _finished(self) -> list[Frame]:
        """Give the frames with which every part is done."""
        out = []
        while all(self._done):
            of_each = [done.popleft() for done in self._done]
            faces = tuple(replace(face, identity=k) for k, one in enumerate(of_each) for face in one.faces)
            out.append(replace(of_each[0], faces=faces) if len(of_each) > 1 else of_each[0])
        return out

    def _named(self, find_faces: FindFaces) -> Wanted:
        picture = self.options.reference_bgr
        looks = None if picture is None else looks_in(picture, find_faces, self.options.side, self._looks)
        return Wanted(self.options.face, looks)


def looks_in(picture_bgr: U8, find_faces: FindFaces, side: int, looks: Looks) -> F32:
    """Return the looks, float32 (1, d), of the largest face of a picture, uint8 (H, W, 3).

    Raises:
        NoFaceError: it shows none.
    """
    boxes = find_faces([picture_bgr], side)[0]
    found = choose(boxes, "largest")
    if found is None:
        raise NoFaceError(
            expected="a face in the reference picture",
            got=f"none in its {picture_bgr.shape[1]}x{picture_bgr.shape[0]} pixels",
            fix="take another picture",
        )
    return looks(picture_bgr, boxes)[found][None]


class FoundOnce:
    """A detector that several trackers ask for the same frames: each is looked at once, and none is kept for it."""

    def __init__(self, find_faces: FindFaces) -> None:
        self._find_faces = find_faces
        self._found: deque[tuple[ReferenceType[U8], int, Boxes]] = deque(maxlen=REMEMBERED)

    def __call__(self, frames_bgr: Sequence[U8], side: int = 0) -> list[Boxes]:
        """See `FindFaces`."""
        return [self._of(frame, side) for frame in frames_bgr]

    def _of(self, frame_bgr: U8, side: int) -> Boxes:
        for seen, at, boxes in self._found:
            if seen() is frame_bgr and at == side:
                return boxes
        boxes = self._find_faces([frame_bgr], side)[0]
        self._found.append((ref(frame_bgr), side, boxes))
        return boxes


class SeenOnce:
    """Looks that are asked for of the same faces by several people, or more than once: each face is seen once."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks
        self.name, self.same, self.other = looks.name, looks.same, looks.other
        self._seen: deque[tuple[ReferenceType[U8], F32, F32]] = deque(maxlen=REMEMBERED)

    def __call__(self, frame_bgr: U8, boxes: Boxes) -> F32:
        """See `Looks`."""
        for seen, xyxy, found in self._seen:
            if seen() is frame_bgr and np.array_equal(xyxy, boxes.xyxy):
                return found
        found = self._looks(frame_bgr, boxes)
        self._seen.append((ref(frame_bgr), boxes.xyxy, found))
        return found


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
    """Yield frames that all show one still picture; only the first is looked at.

    Its five landmarks are rounded to 1/64 pixel. Runtimes and processors give them with other last bits, and an int8
    network makes more of that; rounded they are the same everywhere.
    """
    faces: tuple[Face, ...] | None = None
    for position, frame in enumerate(frames):
        if faces is None:
            with probe():
                found = (tracker.push(frame) + tracker.flush())[0]
            faces = tuple(rounded(face) for face in found.faces)
        yield replace(frame, faces=faces, shot_start=position == 0)


def rounded(face: Face) -> Face:
    """Return a face whose landmarks lie at whole steps."""
    if face.landmarks is None:
        return face
    return replace(face, landmarks=np.asarray(np.rint(face.landmarks / STEP) * STEP, np.float32))
