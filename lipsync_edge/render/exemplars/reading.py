"""A picture read at places of a grid, over a region of a frame: all of it, or only the parts that are shown."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.types import F32, U8, Region

F64 = npt.NDArray[np.float64]
AROUND = 3  # pixels round what is read that cubic steps look at
# rows that are read together at least, and bands at most: OpenCV shares only large ones out among threads
BAND, BANDS = 48, 8
_NOTHING = np.zeros(4)  # a colour


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A picture, and from which of its places each one of a grid comes.

    Attributes:
        picture: float32 (H, W, 3), the part that is read.
        places: float32 (h, w, 2), columns and rows in it.
        from_grid: float64 (2, 3), the grid → pixels of the region.
    """

    picture: F32
    places: F32
    from_grid: F64

    @classmethod
    def of(cls, picture: U8, x: F32, y: F32, from_grid: F64) -> Reading:
        """Prepare to read a picture, uint8 (H, W, 3), at columns and rows, float32 (h, w) each, in its pixels."""
        low = np.maximum([int(np.floor(one.min())) - AROUND for one in (x, y)], 0)
        high = [int(np.ceil(one.max())) + AROUND for one in (x, y)]
        part = picture[low[1] : max(high[1], low[1] + 1), low[0] : max(high[0], low[0] + 1)]
        if not part.size:
            low, part = np.zeros(2, int), picture
        low32 = np.asarray(low, np.float32)
        # cubic steps in float32: the same bits as in bytes, in two thirds of the time
        return cls(part.astype(np.float32), cv2.merge([x - low32[0], y - low32[1]]), from_grid)

    def over(self, region: Region) -> U8:
        """Return what is read over a part of the region, uint8 (h, w, 3)."""
        # OpenCV spreads in steps; from the region's left edge on they are the same whichever part is asked for
        matrix = self.from_grid.copy()
        matrix[1, 2] -= region.y1
        size = (region.x2, region.y2 - region.y1)
        at = cv2.warpAffine(
            self.places, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        at = at[:, region.x1 :]
        made = cv2.remap(self.picture, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
        return np.asarray(cv2.add(made, _NOTHING, dtype=cv2.CV_8U), np.uint8)  # rounded and clipped


def shown(alpha: F32) -> list[Region]:
    """Return the parts of a region in which a mask, float32 (h, w), is not 0: one for each band of rows."""
    parts, rows = [], max(BAND, -(-len(alpha) // BANDS))
    for top in range(0, len(alpha), rows):
        is_shown = (alpha[top : top + rows] > 0.0).view(np.uint8)
        left, first, width, height = cv2.boundingRect(is_shown)
        if height:
            parts.append(Region(left, top + first, left + width, top + first + height))
    return parts
