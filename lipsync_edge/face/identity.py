"""The choice among several faces, and how well one box may be another a few frames later."""

from __future__ import annotations

import numpy as np

from lipsync_edge.errors import UsageError
from lipsync_edge.types import F32, Boxes


def parse_choice(face: str) -> str | int:
    """Return "largest", "left", "right" or an index from the left; UsageError for anything else."""
    if face in ("largest", "left", "right"):
        return face
    if face.isascii() and face.isdigit():
        return int(face)
    raise UsageError(expected="largest, left, right, an index from 0, or a reference picture", got=repr(face))


def choose(boxes: Boxes, choice: str | int) -> int | None:
    """Return the index of the face that a rule picks; None when there is no face, or fewer than the index asks for.

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
    """Return the overlap (intersection over union) of boxes float32 (n, 4) with one box float32 (4,); float32 (n,)."""
    low = np.maximum(xyxy[:, :2], box_xyxy[:2])
    high = np.minimum(xyxy[:, 2:], box_xyxy[2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=1)
    area = np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1) + np.prod(box_xyxy[2:] - box_xyxy[:2])
    return np.asarray(common / np.maximum(area - common, 1e-6), np.float32)


def nearness(xyxy: F32, box_xyxy: F32) -> F32:
    """Return how well boxes float32 (n, 4) may be one box float32 (4,) a few frames later; float32 (n,), 0 (no) to 1.

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
