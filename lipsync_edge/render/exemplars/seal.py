"""Lips that meet: read each from its own side of the line, so that nothing of the mouth's inside shows in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync_edge.render.exemplars.reshape import Lines
from lipsync_edge.types import F32


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Where the places of a grid come from if they are upper or lower lip, and how much of each they are.

    Attributes:
        upper: float32 (h, w), rows; below the lip its map goes on.
        lower: the same; above the lip.
        is_upper: float32 (h, w), 0…1, of what is not lower lip; it changes over one pixel of the frame.
        is_lower: float32 (h, w), 0…1; what is neither is the inside.
    """

    upper: F32
    lower: F32
    is_upper: F32
    is_lower: F32


def sides_of(lines: Lines, y: F32, mapped: F32, scale: float) -> Sides:
    """Divide a map of rows at the lines where the lips begin.

    Args:
        lines: of the map.
        y: float32 (h, w), rows of the grid, crop pixels.
        mapped: float32 (h, w), rows where they come from, see `source_map`.
        scale: pixels of the frame for one of the crop.
    """
    (top, bottom), (up, low) = lines.there[2:4], lines.here[2:4]
    upper = np.where(y <= top, mapped, y + (up - top) * lines.near)
    lower = np.where(y >= bottom, mapped, y + (low - bottom) * lines.near)
    middle = (top + bottom) / 2
    half = np.maximum(bottom - middle, 0.0)
    beyond = (y - middle) * np.float32(scale)
    is_upper = np.clip(0.5 - beyond - half * scale, 0.0, 1.0)
    is_lower = np.clip(0.5 + beyond - half * scale, 0.0, 1.0)
    is_upper = np.minimum(is_upper / np.maximum(1.0 - is_lower, 1e-3), 1.0)
    return Sides(*(np.asarray(one, np.float32) for one in (upper, lower, is_upper, is_lower)))
