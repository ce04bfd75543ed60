"""What a face looks like, as numbers: two looks multiply to how alike they are."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from lipsync_edge.face.align import similarity
from lipsync_edge.types import F32, U8, Boxes

_PATCH = 24  # side of the grey patch
_LEAST_CONTRAST = 7.0  # standard deviation in grey levels
_POINTS_IN_PATCH = np.array([(0.28, 0.25), (0.72, 0.25), (0.5, 0.5), (0.33, 0.75), (0.67, 0.75)])


class Looks(Protocol):
    """What tells people apart."""

    @property
    def name(self) -> str:
        """What it is called; of a network its digest: two of one name give the same."""
        ...

    @property
    def same(self) -> float:
        """Likeness above which two faces are one person's, wherever they are."""
        ...

    @property
    def other(self) -> float:
        """Likeness below which two faces are not one person's, even at one place."""
        ...

    def __call__(self, frame_bgr: U8, boxes: Boxes) -> F32:
        """Return the looks of every face of a frame, uint8 (H, W, 3): float32 (n, d), each of length 1 at most."""
        ...


class PatchLooks:
    """Looks without a network: the grey patch. It holds within a shot, and across cuts in like light and pose."""

    name = "grey patch"
    same = 0.5
    other = 0.2

    def __call__(self, frame_bgr: U8, boxes: Boxes) -> F32:
        """See `Looks`; d is 576."""
        return np.stack([patch_of(frame_bgr, boxes, i) for i in range(len(boxes))])


def patch_of(frame_bgr: U8, boxes: Boxes, i: int) -> F32:
    """Return `appearance` of face `i` of a frame."""
    return appearance(frame_bgr, boxes.xyxy[i], None if boxes.landmarks is None else boxes.landmarks[i])


def appearance(frame_bgr: U8, box_xyxy: F32, landmarks: F32 | None) -> F32:
    """Return a small aligned grey patch of a face with mean 0 and length 1, float32 (576,).

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
