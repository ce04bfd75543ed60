"""Visible label: a small "AI" plate in a corner of the picture, for those whom the law asks for one."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from lipsync_edge.choices import LABELS, Label
from lipsync_edge.errors import UsageError
from lipsync_edge.types import F32, U8, Region

LEAST, USUAL, MOST = 3.0, 7.0, 30.0  # height in percent of the picture's shorter side
_FINE = 8  # drawn so many times as large, then averaged
_WIDE = 1.5  # width over height
_MARGIN = 0.5  # distance from the edges, in heights
_DARK, _OPACITY = 24, 0.85  # of the plate
# Outlines of the letters on a plate of height 1; the counter of the A is cut out again.
_A = (
    (0.30, 0.78),
    (0.55, 0.22),
    (0.67, 0.22),
    (0.92, 0.78),
    (0.79, 0.78),
    (0.74, 0.66),
    (0.48, 0.66),
    (0.43, 0.78),
)
_HOLE = ((0.52, 0.56), (0.61, 0.35), (0.70, 0.56))
_I = ((1.04, 0.22), (1.17, 0.22), (1.17, 0.78), (1.04, 0.78))


class Labeller:
    """Draws the label at one place of pictures of one size.

    Args:
        where: corner.
        size: width and height of the pictures in pixels.
        percent: height of the label in percent of the picture's shorter side, 3 to 30.
    """

    def __init__(self, where: Label, size: tuple[int, int], percent: float = USUAL) -> None:
        check_label(where, percent)
        width, height = size
        tall = max(8, round(min(size) * percent / 100))
        wide, margin = round(tall * _WIDE), round(tall * _MARGIN)
        tall, wide = min(tall, height), min(wide, width)
        x = min(margin, width - wide) if where.endswith("left") else max(width - wide - margin, 0)
        y = min(margin, height - tall) if where.startswith("top") else max(height - tall - margin, 0)
        self.region = Region(x, y, x + wide, y + tall)
        self._ink, self._cover = _plate(wide, tall)

    def draw(self, image_bgr: U8) -> U8:
        """Return a copy of a picture, uint8 (H, W, 3), with the label on it."""
        out = image_bgr.copy()
        under = self.region.view(out)
        mixed = under * (1 - self._cover) + self._ink
        under[...] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
        return out


def check_label(where: Label, percent: float) -> None:
    """Refuse a place or a size that there is not."""
    if where not in LABELS:
        raise UsageError(expected=f"a label at {', '.join(LABELS)}", got=repr(where))
    if not LEAST <= percent <= MOST:
        raise UsageError(expected=f"a label size from {LEAST:g} to {MOST:g} percent", got=f"{percent:g}")


@lru_cache(maxsize=8)
def _plate(wide: int, tall: int) -> tuple[F32, F32]:
    """Return what the plate adds, float32 (tall, wide, 1), 0…255, and how much of the picture it hides, 0…1."""
    unit = tall * _FINE
    shape = (unit, wide * _FINE)
    plate, letters = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    radius = unit // 4
    right, below = shape[1] - 1, shape[0] - 1
    cv2.rectangle(plate, (radius, 0), (right - radius, below), 255, -1)
    cv2.rectangle(plate, (0, radius), (right, below - radius), 255, -1)
    for x in (radius, right - radius):
        for y in (radius, below - radius):
            cv2.circle(plate, (x, y), radius, 255, -1, cv2.LINE_8)
    for outline, colour in ((_A, 255), (_HOLE, 0), (_I, 255)):
        points = np.round(np.array(outline) * unit).astype(np.int32)
        cv2.fillPoly(letters, [points], colour)
    small = [
        cv2.resize(one, (wide, tall), interpolation=cv2.INTER_AREA).astype(np.float32)[:, :, None] / 255
        for one in (plate, letters)
    ]
    cover = np.maximum(small[0] * _OPACITY, small[1])
    ink = small[1] * 255 + (cover - small[1]) * _DARK
    return ink.astype(np.float32), cover.astype(np.float32)
