"""Shutting a pictured mouth for good: an open mouth that is warped shut keeps a streak of its teeth between the lips.

A mouth renderer that trains on such pictures learns to widen the streak, and knows nothing to draw into a mouth that
was really shut; and where it is their target it learns to leave a streak. So the lips are made to meet, the streak is
filled from the lips round it, and the dark line where lips touch is drawn.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.lips import coefficients as shape
from training.lips.views import FINE, LEFT, SIDE, TOP, WIDTH, carried

Array = npt.NDArray[Any]

LOWER = shape.INNER[1:10]  # corner to corner
UPPER = shape.INNER[:10:-1]
NEXT_LOWER = shape.BETWEEN[1:10]
NEXT_UPPER = shape.BETWEEN[:10:-1]
MEET = 0.35  # of the way down from the upper lip: where the lips meet
SHUT = 1.2  # crop pixels between the lips: less is a shut mouth
STREAK = 0.3  # of the opening that was shut is how wide a smooth flow leaves a streak


def apart(points: Array) -> float:
    """Return how far the lips of a mesh (468, 2) are apart at their middle, in its pixels."""
    return float((points[list(shape.LOWER_INNER)] - points[list(shape.UPPER_INNER)])[:, 1].mean())


def sealed(points: Array) -> Array:
    """Return a nearly shut mesh (468, 2) with its lips touching."""
    out = points.copy()
    lower, upper = points[list(LOWER)], points[list(UPPER)]
    meet = upper + MEET * (lower - upper)
    out[list(LOWER)], out[list(UPPER)] = meet, meet
    out[list(NEXT_LOWER)] += 0.6 * (meet - lower)
    out[list(NEXT_UPPER)] += 0.6 * (meet - upper)
    return out


def seam(points: Array) -> Array:
    """Return the line between the lips of a mesh (468, 2) in crop pixels, corner to corner, (11, 2) in fine ones."""
    middle = (points[list(LOWER)] + points[list(UPPER)]) / 2
    ends = points[[shape.INNER[0]]], points[[shape.INNER[10]]]
    return np.concatenate([ends[0], middle, ends[1]]) * FINE + (FINE / 2 - 0.5)


def band(points: Array, width: float, corner: tuple[int, int] = (LEFT, TOP), side: int = WIDTH) -> Array:
    """Draw the seam of a mesh `width` fine pixels wide, float32 (side, side), 0…1, over a square of the fine view."""
    line = np.round((seam(points) - np.array(corner)) * 16).astype(np.int32)
    drawn = np.zeros((side, side), np.uint8)
    cv2.polylines(drawn, [line], False, 255, max(1, round(width)), cv2.LINE_AA, 4)
    return cv2.GaussianBlur(drawn, (0, 0), 1.0).astype(np.float32) / 255


def cover(at: Array, come_from: Array) -> Array:
    """Return what must be covered when a mouth `come_from` is shut to `at`: the streak, float32 (128, 128), 0…1."""
    opening = apart(come_from)
    if apart(at) > SHUT or opening < 2 * SHUT:
        return np.zeros((WIDTH, WIDTH), np.float32)
    return band(at, float(np.clip(STREAK * opening * FINE, 3, 9)))


def shut_picture(picture: Array, at: Array, come_from: Array, rng: np.random.Generator) -> Array:
    """Warp a fine picture (256, 256, 3) of an open mouth `come_from` to the sealed mesh `at`, and hide its teeth."""
    out = carried(picture, at, come_from)
    inside = np.zeros(picture.shape[:2], np.uint8)
    polygon = np.round((come_from[list(shape.INNER)] * FINE + (FINE / 2 - 0.5)) * 16).astype(np.int32)
    cv2.fillPoly(inside, [polygon], 255, cv2.LINE_AA, 4)
    left = carried(inside, at, come_from)
    left = cv2.dilate(left, np.ones((5, 3), np.uint8)) > 40
    rows, columns = np.flatnonzero(left.any(1)), np.flatnonzero(left.any(0))
    if len(rows):
        box = np.s_[max(rows[0] - 8, 0) : rows[-1] + 9, max(columns[0] - 8, 0) : columns[-1] + 9]
        out[box] = cv2.inpaint(
            np.ascontiguousarray(out[box]), left[box].astype(np.uint8), 3, cv2.INPAINT_TELEA
        )
    dark = band(at, rng.uniform(1, 2.5), (0, 0), SIDE * FINE)[..., None] * rng.uniform(0.25, 0.65)
    return np.asarray((out * (1 - dark)).round(), np.uint8)
