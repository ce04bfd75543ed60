"""Following one face through one shot: detect now and then, look closer where it moves, smooth without lag."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lipsync_edge.face.identity import iou_with, nearness
from lipsync_edge.face.options import FindFaces, TrackOptions
from lipsync_edge.face.people import Followed
from lipsync_edge.face.smoothing import smooth_row
from lipsync_edge.types import F32, Boxes, Face, Frame

_MOVED = 0.05  # of the face size: farther apart than this, two detections are not joined by a straight line
_SAME_FACE_IOU = 0.25
# where five landmarks lie in a face box, for a fixed box in which the detector sees no face
_LANDMARKS_IN_BOX = np.array(
    [(0.30, 0.37), (0.70, 0.37), (0.50, 0.58), (0.34, 0.77), (0.66, 0.77)], np.float32
)


@dataclass(slots=True, eq=False)
class _Item:
    frame: Frame | None  # None once released
    face: Face | None = None


def to_row(face: Face) -> F32:
    """Return box and landmarks as one row, float32 (4,) or (14,)."""
    if face.landmarks is None:
        return face.box_xyxy
    return np.concatenate([face.box_xyxy, face.landmarks.ravel()])


def from_row(row: F32) -> Face:
    """Return the face of a row that `to_row` made."""
    row = row.astype(np.float32)
    return Face(row[:4].copy(), row[4:].reshape(5, 2).copy() if len(row) > 4 else None)


def _only(face: Face) -> Boxes:
    """Return a face as the only one of a frame, with score 1."""
    landmarks = None if face.landmarks is None else face.landmarks[None]
    return Boxes(face.box_xyxy[None], np.ones(1, np.float32), landmarks)


class SmoothTracker:
    """The frames of one shot, from the first that is still needed."""

    def __init__(self, options: TrackOptions, find_faces: FindFaces, target: Followed) -> None:
        self._options = options
        self._find_faces = find_faces
        self._target = target
        self._items: list[_Item] = []
        self._first = 0  # position in the shot of _items[0]
        self._known = 0  # positions before this one have their final face
        self._released = 0
        self._key = -1  # last position that was looked at in turn
        self._hit = -1  # last position looked at where the face was found
        self._moved = 0.0  # how far it had come there since the time before, in units of its size

    def push(self, frame: Frame) -> list[Frame]:
        """Take the next frame of the shot, give those that are finished."""
        self._items.append(_Item(frame))
        position = self._end - 1
        if position % self._options.every == 0:
            self._look(position)
        return self._release(self._known - self._options.radius)

    def close(self) -> list[Frame]:
        """End the shot, give the rest of its frames."""
        if self._end and self._key < self._end - 1:
            self._look(self._end - 1)
        self._settle_loss(self._end)
        return self._release(self._end)

    @property
    def _end(self) -> int:
        return self._first + len(self._items)

    def _item(self, position: int) -> _Item:
        return self._items[position - self._first]

    def _frame(self, position: int) -> Frame:
        frame = self._item(position).frame
        assert frame is not None, "a released frame was asked for"
        return frame

    def _look(self, position: int) -> None:
        """Detect in turn, and settle the frames since the last time."""
        face = self._find_target(position)
        last_key, self._key = self._key, position
        if face is None:
            if self._hit < 0 or position - self._hit > self._options.hold:
                self._settle_loss(position + 1)
            return
        self._item(position).face = face
        if self._hit >= 0 and self._known == self._hit + 1 and not self._leapt(position):
            before, self._moved = self._moved, self._distance(self._hit, position)
            # after a fast stretch the face may have turned round between two places that lie close together
            self._join(self._hit, position, closely=before > _MOVED)
        else:
            self._moved = 0.0
            self._settle_loss(self._look_back(position, last_key))
        self._hit = position
        self._known = position + 1

    def _find_target(self, position: int) -> Face | None:
        frame = self._frame(position).image_bgr
        boxes = self._find_faces([frame], self._options.side)[0]
        boxes = self._options.within_box(boxes)
        found = self._target.find(frame, boxes)
        if found is None:
            return self._face_in_fixed_box()
        return Face(boxes.xyxy[found], None if boxes.landmarks is None else boxes.landmarks[found])

    def _face_in_fixed_box(self) -> Face | None:
        if self._options.box_xyxy is None:
            return None
        box = np.array(self._options.box_xyxy, np.float32)
        return Face(box, (box[:2] + _LANDMARKS_IN_BOX * (box[2:] - box[:2])).astype(np.float32))

    def _find_near(self, position: int, expected: Face) -> tuple[Face | None, bool]:
        """Detect out of turn: the face that lies where one is expected, and whether somebody else's lies before it."""
        frame = self._frame(position).image_bgr
        boxes = self._options.within_box(self._find_faces([frame], self._options.side)[0])
        if not len(boxes):
            return None, False
        overlap = iou_with(boxes.xyxy, expected.box_xyxy)
        there = np.where(overlap < _SAME_FACE_IOU, 0.0, overlap)
        likely = there * (self._target.may_be(frame, boxes) > 0) if there.any() else there
        best = int(np.argmax(likely))
        if likely[best] <= 0:
            return None, bool(there.any())
        return Face(boxes.xyxy[best], None if boxes.landmarks is None else boxes.landmarks[best]), False

    def _distance(self, a: int, b: int) -> float:
        first, last = self._item(a).face, self._item(b).face
        if first is None or last is None:
            return 0.0
        return float(np.abs(last.box_xyxy - first.box_xyxy).max()) / first.size

    def _leapt(self, position: int) -> bool:
        """Whether the face lies where nobody can have come from its last place: a cut that was not seen as one."""
        first, last = self._item(self._hit).face, self._item(position).face
        return (
            first is not None
            and last is not None
            and not nearness(last.box_xyxy[None], first.box_xyxy)[0] > 0
        )

    def _join(self, a: int, b: int, *, closely: bool = False) -> None:
        """Fill the frames between two detections: by a straight line, or by looking again where the face moved far."""
        if b - a < 2:
            return
        first, last = self._item(a).face, self._item(b).face
        assert first is not None, "joined from a frame without a face"
        assert last is not None, "joined to a frame without a face"
        if len(to_row(first)) != len(to_row(last)):
            first = Face(first.box_xyxy, None)
            last = Face(last.box_xyxy, None)
        start, way = to_row(first), to_row(last) - to_row(first)
        if closely or self._distance(a, b) > _MOVED:
            middle = (a + b) // 2
            guess = from_row(start + way * np.float32((middle - a) / (b - a)))
            found, is_hidden = self._find_near(middle, guess)
            if is_hidden:  # nobody is driven on another's face
                return
            self._item(middle).face = found or guess
            self._join(a, middle)
            self._join(middle, b)
            return
        for position in range(a + 1, b):
            self._item(position).face = from_row(start + way * np.float32((position - a) / (b - a)))

    def _look_back(self, position: int, last_key: int) -> int:
        """The face is new: find the frame in which it came."""
        for earlier in range(position - 1, max(last_key, self._known - 1), -1):
            following = self._item(earlier + 1).face
            face = self._find_near(earlier, following)[0] if following else None
            if face is None:
                return earlier + 1
            self._item(earlier).face = face
        return max(last_key, self._known - 1) + 1

    def _settle_loss(self, end: int) -> None:
        """No face up to `end`: hold the last one for a few frames, then let the frames pass."""
        if self._known >= end:
            return
        held = self._item(self._hit).face if self._hit >= self._first else None
        for position in range(self._known, min(end, self._hit + 1 + self._options.hold)):
            if held is None or not self._target.is_at(self._frame(position).image_bgr, _only(held)):
                break
            self._item(position).face = held
        self._known = end

    def _release(self, end: int) -> list[Frame]:
        done = [self._finish(position) for position in range(self._released, end)]
        self._released = max(self._released, end)
        # faces are kept one radius back for smoothing, and the last one found for holding it
        drop = max(0, min(self._released - self._options.radius, max(self._hit, 0)) - self._first)
        self._items = self._items[drop:]
        self._first += drop
        return done

    def _finish(self, position: int) -> Frame:
        item = self._item(position)
        face = self._smoothed(position) if item.face else None
        frame = self._frame(position)
        item.frame = None
        box = None if face is None else self._options.final_box(face.box_xyxy, frame.image_bgr.shape)
        return frame if face is None or box is None else replace(frame, faces=(Face(box, face.landmarks),))

    def _smoothed(self, position: int) -> Face:
        """The face of a frame, smoothed with those of its neighbours up to the nearest frame without one."""
        centre = self._item(position).face
        assert centre is not None, "smoothing a frame without a face"
        radius = self._options.radius
        before = self._run(range(position - 1, max(self._first, position - radius) - 1, -1), centre)
        after = self._run(range(position + 1, min(self._known, position + radius + 1)), centre)
        rows = np.stack([*reversed(before), to_row(centre), *after])
        return from_row(smooth_row(rows, len(before), radius, centre.size))

    def _run(self, positions: range, like: Face) -> list[F32]:
        rows: list[F32] = []
        for position in positions:
            face = self._item(position).face
            if face is None or (face.landmarks is None) != (like.landmarks is None):
                break
            rows.append(to_row(face))
        return rows
