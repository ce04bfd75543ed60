"""Keeps the frame's own teeth where its mouth already shows them; paint fills only what is newly uncovered."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from lipsync_edge.arrays import F32
from lipsync_edge.lips import WarpMouth

MIDDLE = (0.44, 0.56)  # of the crop: the columns in the middle of the mouth
NONE = 0.004  # of the crop side: less than this is no opening


def smoothstep(x: float, low: float, high: float) -> float:
    """Return 0 below `low`, 1 above `high`, smooth between."""
    part = min(max((x - low) / (high - low), 0.0), 1.0)
    return part * part * (3.0 - 2.0 * part)


def keep_inside(mouth: WarpMouth, inside: F32) -> WarpMouth:
    """Return the mouth with less paint where the picture's own inside of the mouth is carried to.

    mask ← mask·(1 − k·inside(p + flow)), k = ss(seen/made; .35, .65)·ss(made/seen; .3, .65): an almost shut mouth
    cannot fill a wide one, and a wide one must not shine through lips that close.

    Args:
        mouth: what the renderer gave for the picture.
        inside: float32 (h, w) over the whole crop, 0…1: probability of the inside of the mouth in the picture.
    """
    carried = carry(inside, mouth)
    seen, made = height(inside), height_in_window(np.maximum(mouth.mask, carried), mouth)
    k = smoothstep(seen / max(made, NONE), 0.35, 0.65) * smoothstep(made / max(seen, NONE), 0.3, 0.65)
    if k == 0.0 or seen < NONE:
        return mouth
    return replace(mouth, mask=mouth.mask * (1.0 - np.float32(k) * carried))


def carry(plane: F32, mouth: WarpMouth) -> F32:
    """Return a plane of the picture, float32 (h, w) over the crop, moved by the flow, at the mask's own places."""
    rows, columns = mouth.mask.shape
    left, top, right, bottom = mouth.window
    x = left + (np.arange(columns, dtype=np.float32) + 0.5) / columns * np.float32(right - left)
    y = top + (np.arange(rows, dtype=np.float32) + 0.5) / rows * np.float32(bottom - top)
    x, y = np.meshgrid(x, y)
    flow = sample(mouth.flow, x, y)
    return sample(plane, x + flow[..., 0], y + flow[..., 1])


def sample(plane: F32, x: F32, y: F32) -> F32:
    """Read a plane float32 (h, w[, c]) over the crop at places given in crop sides; its border is repeated."""
    height, width = plane.shape[:2]
    return np.asarray(
        cv2.remap(
            plane,
            (x * width - 0.5).astype(np.float32),
            (y * height - 0.5).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )


def height(plane: F32) -> float:
    """Return how high a plane over the crop stands in the mouth's middle columns, in crop sides."""
    low, high = (round(part * plane.shape[1]) for part in MIDDLE)
    return float(plane[:, low:high].sum(0).mean()) / plane.shape[0]


def height_in_window(plane: F32, mouth: WarpMouth) -> float:
    """Return the same of a plane over the mouth's window."""
    left, top, right, bottom = mouth.window
    low, high = (round((part - left) / (right - left) * plane.shape[1]) for part in MIDDLE)
    return float(plane[:, low:high].sum(0).mean()) / plane.shape[0] * (bottom - top)
