"""The part of an avatar's picture that making a mouth may look at or change."""

from __future__ import annotations

import numpy as np

from lipsync_edge.face.align import aligned_crop
from lipsync_edge.types import Face, Region

# Of the upright crop, from 0 to 1: the own mouth's area ends at 1.18; carried pixels and averages come from a little
# further away. Without landmarks, of the box.
LOOKED_AT = (-0.25, -0.25, 1.25, 1.45)
BOX_MARGIN = 0.15
_SIDE, _PIXELS = 256, 16


def window(face: Face | None, size: tuple[int, int]) -> Region | None:
    """Return the part of a picture of a size (width, height) that is needed for its face; None where there is none."""
    if face is None:
        return None
    x1, y1, x2, y2 = face.box_xyxy.astype(np.float64)
    margin = BOX_MARGIN * np.array([x2 - x1, y2 - y1])
    corners = np.array([(x1, y1) - margin, (x2, y2) + margin])
    if face.landmarks is not None:
        left, top, right, bottom = (part * _SIDE for part in LOOKED_AT)
        crop = np.array([(x, y, 1.0) for x in (left, right) for y in (top, bottom)])
        corners = np.vstack([corners, crop @ aligned_crop(face.landmarks, _SIDE).to_frame.T])
    low = np.maximum(np.floor(corners.min(0)) - _PIXELS, 0).astype(int)
    high = np.minimum(np.ceil(corners.max(0)) + _PIXELS, size).astype(int)
    if (high - low).min() <= 0:
        return None
    return Region(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
