"""Who is followed: the choice among several faces, and keeping to that person."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync_edge.errors import UsageError
from lipsync_edge.face.align import similarity
from lipsync_edge.types import F32, U8, Boxes

_PATCH = 24  # side of the grey patch that stands for a person's looks
_LEAST_CONTRAST = 7.0  # standard deviation in grey levels
_STILL_THERE = 0.4  # correlation with the person's looks
_POINTS_IN_PATCH = np.array([(0.28, 0.25), (0.72, 0.25), (0.5, 0.5), (0.33, 0.75), (0.67, 0.75)])


def parse_choice(face: str) -> str | int:
    """Return "largest", "left", "right" or an index from the left; UsageError for anything else."""
    if face in ("largest", "left", "right"):
        return face
    if face.isascii() and face.isdigit():
        return int(face)
    raise UsageError(expected="largest, left, right, an index from 0, or a reference picture", got=repr(face))


def choose(boxes: Boxes, choice: str | int) -> int | None:
    """Index of the face that a rule picks; None when there is no face, or fewer than the index asks for.

    "largest" is the face with the largest box, "left" and "right" go by the centre of the box, and a number counts
    the faces from left to right, from 0.
    """
    if not len(boxes):
        return None
    centre_x = boxes.xyxy[:, 0] + boxes.xyxy[:, 2]
    if choice == "largest":
        return int(np.argmax((boxes.xyxy[:, 2] - boxes.xyxy[:, 0]) * (boxes.xyxy[:, 3] - boxes.xyxy[:, 1])))
    if choice == "left":
        return int(np.argmin(centre_x))
    if choice == "right":
        return int(np.argmax(centre_x))
    order = np.argsort(centre_x, kind="stable")
    return int(order[choice]) if isinstance(choice, int) and choice < len(order) else None


def iou_with(xyxy: F32, box_xyxy: F32) -> F32:
    """Overlap (intersection over union) of boxes float32 (n, 4) with one box float32 (4,); float32 (n,)."""
    low = np.maximum(xyxy[:, :2], box_xyxy[:2])
    high = np.minimum(xyxy[:, 2:], box_xyxy[2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=1)
    area = np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1) + np.prod(box_xyxy[2:] - box_xyxy[:2])
    return np.asarray(common / np.maximum(area - common, 1e-6), np.float32)


def nearness(xyxy: F32, box_xyxy: F32) -> F32:
    """How well boxes float32 (n, 4) may be one box float32 (4,) a few frames later; float32 (n,), 0 (no) to 1.

    The distance of the centres and the change of size both count, in units of the box's own size; more than its own
    size away, or 1.8 times as large or small, is 0.
    """
    size = np.sqrt(np.maximum(np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1), 1.0))
    own = np.sqrt(max(float(np.prod(box_xyxy[2:] - box_xyxy[:2])), 1.0))
    shift = (xyxy[:, :2] + xyxy[:, 2:] - box_xyxy[:2] - box_xyxy[2:]) / 2
    distance = np.hypot(shift[:, 0], shift[:, 1]) / own
    grown = np.abs(np.log(size / own)) / np.log(1.8)
    return np.asarray(
        np.clip((1.0 - distance) * (1.0 - grown), 0.0, 1.0) * (distance < 1) * (grown < 1), np.float32
    )


def appearance(frame_bgr: U8, box_xyxy: F32, landmarks: F32 | None) -> F32:
    """A face's looks: a small aligned grey patch with mean 0 and length 1, float32 (576,).

    Two of them multiply to their correlation, -1 to 1. A patch with hardly any contrast, a face fading to white, is
    shorter than 1, so that it looks like nobody. Without landmarks the box is taken instead.
    """
    corners = box_xyxy.reshape(2, 2) if landmarks is None else landmarks
    target = np.array([(0.0, 0.0), (1.0, 1.0)]) if landmarks is None else _POINTS_IN_PATCH
    matrix = similarity(corners, target * _PATCH - 0.5)
    # cut at four times the size and average, so that a large face does not alias
    matrix = matrix * 4
    matrix[:, 2] += 1.5
    cut = cv2.warpAffine(
        frame_bgr, matrix, (_PATCH * 4, _PATCH * 4), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    grey = cv2.resize(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY), (_PATCH, _PATCH), interpolation=cv2.INTER_AREA)
    flat = grey.astype(np.float32).ravel()
    flat -= flat.mean()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), _LEAST_CONTRAST * _PATCH), np.float32)


class TargetIdentity:
    """The person that is followed: how they look, and where they and the others were last."""

    def __init__(self, choice: str | int, reference: F32 | None = None) -> None:
        self._choice = choice
        self._reference = reference
        self._appearance = reference
        self._last: F32 | None = None
        self._others: F32 = np.zeros((0, 4), np.float32)

    def new_shot(self) -> None:
        """Forget where everybody was, but not how the person looks."""
        self._last = None
        self._others = np.zeros((0, 4), np.float32)

    def find(self, frame_bgr: U8, boxes: Boxes) -> int | None:
        """Index of the person among the faces of a frame, without remembering anything; None: not there."""
        if not len(boxes):
            return None
        if self._appearance is None:
            return choose(boxes, self._choice)
        likeness = self._likeness(frame_bgr, boxes)
        if self._last is not None:
            near = nearness(boxes.xyxy, self._last)
            near[[self._is_other(box) and overlap < 0.15 for box, overlap in self._overlaps(boxes)]] = 0.0
            best = int(np.argmax(near + 0.3 * likeness * (near > 0)))
            if near[best] > 0:
                return best
        free = [i for i in range(len(boxes)) if not self._is_other(boxes.xyxy[i])]
        if not free:
            return None
        best = max(free, key=lambda i: float(likeness[i]))
        if likeness[best] > 0.5 or (self._last is None and self._reference is not None):
            return best
        if self._last is None:  # a new shot in which nobody looks alike: choose again
            return choose(boxes, self._choice)
        return best if len(boxes) == 1 and likeness[best] > 0.2 else None

    def is_at(self, frame_bgr: U8, face: Boxes) -> bool:
        """Whether the one face given still looks like the person."""
        return (
            self._appearance is None
            or float(self._patch(frame_bgr, face, 0) @ self._appearance) > _STILL_THERE
        )

    def remember(self, frame_bgr: U8, boxes: Boxes, found: int) -> None:
        """Take over where the person `found` and the others are now, and slowly how the person looks."""
        self._last = boxes.xyxy[found]
        self._others = np.delete(boxes.xyxy, found, axis=0)
        now = self._patch(frame_bgr, boxes, found)
        if self._appearance is None:
            self._appearance = now
        elif self._reference is None:
            mixed = 0.8 * self._appearance + 0.2 * now
            self._appearance = np.asarray(mixed / max(float(np.linalg.norm(mixed)), 1e-6), np.float32)

    def _overlaps(self, boxes: Boxes) -> list[tuple[F32, float]]:
        assert self._last is not None, "nobody was seen yet"
        return list(zip(boxes.xyxy, iou_with(boxes.xyxy, self._last).tolist(), strict=True))

    def _is_other(self, box_xyxy: F32) -> bool:
        return bool(len(self._others)) and bool(iou_with(self._others, box_xyxy).max() > 0.3)

    def _patch(self, frame_bgr: U8, boxes: Boxes, i: int) -> F32:
        return appearance(frame_bgr, boxes.xyxy[i], None if boxes.landmarks is None else boxes.landmarks[i])

    def _likeness(self, frame_bgr: U8, boxes: Boxes) -> F32:
        if (
            self._appearance is None
            or len(boxes) == 1
            and self._last is not None
            and iou_with(boxes.xyxy, self._last)[0] > 0.5
        ):
            return np.ones(len(boxes), np.float32)  # nobody to mix up with: spare the patch
        return np.array(
            [self._patch(frame_bgr, boxes, i) @ self._appearance for i in range(len(boxes))], np.float32
        )
