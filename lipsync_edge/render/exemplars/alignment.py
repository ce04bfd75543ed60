"""Laying an exemplar's head on the target's: by the landmarks that speech does not move, then by the pictures."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import similarity
from lipsync_edge.types import F32, U8

F64 = npt.NDArray[np.float64]

STEPS = 4
FARTHEST = 3.0  # pixels of the 128-pixel crop: a larger correction is not believed
LEAST_TEXTURE = 1e-3
LEAST_WEIGHT = 1e-4  # a pixel that counts less is not looked at


def lay(points: F32, on: F32) -> F64:
    """Return the similarity, float64 (2, 3), that lays rigid points (k, 2) on others (k, 2)."""
    return similarity(points, on)


def refine(exemplar_grey: F32, target_grey: F32, matrix: F64, weight: F32) -> F64:
    """Correct a similarity by a shift, so that nose and cheeks of both pictures agree.

    Gauss-Newton on the squared difference after taking out gain and offset (Lucas and Kanade, IJCAI 1981).

    Args:
        exemplar_grey: float32 (S, S), the exemplar's crop.
        target_grey: float32 (S, S), the target's crop.
        matrix: float64 (2, 3), exemplar crop pixels → target crop pixels.
        weight: float32 (S, S), how much each pixel of the target counts.
    """
    left, top, right, bottom = _support(weight)
    inner = slice(top, bottom), slice(left, right)
    counts = np.ascontiguousarray(weight[inner])
    wanted = _normal(np.ascontiguousarray(target_grey[inner]), counts)
    moved, corner = matrix.copy(), np.array([[0.0, 0.0, left], [0.0, 0.0, top]])
    for _ in range(STEPS):
        warped = cv2.warpAffine(
            exemplar_grey,
            moved - corner,
            wanted.shape[::-1],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        seen = _normal(np.asarray(warped, np.float32), counts)
        dx, dy = (cv2.Sobel(seen, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
        error, across, down = seen - wanted, counts * dx, counts * dy
        pairs = ((across, dx), (across, dy), (down, dy), (across, error), (down, error))
        xx, xy, yy, xe, ye = (float(np.vdot(a, b)) for a, b in pairs)
        xx, yy = xx + LEAST_TEXTURE, yy + LEAST_TEXTURE
        step = (yy * xe - xy * ye) / (xx * yy - xy * xy), (xx * ye - xy * xe) / (xx * yy - xy * xy)
        moved[:, 2] += step
        if max(map(abs, step)) < 0.01:
            break
    return moved if np.hypot(*(moved[:, 2] - matrix[:, 2])) <= FARTHEST else matrix


@lru_cache(maxsize=4)
def rigid_weight(side: int) -> F32:
    """Return float32 (side, side): 1 on nose and upper cheeks of an aligned crop, 0 at eyes, mouth and edges."""
    centre = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, y = np.meshgrid(centre, centre)
    nose = np.exp(-((((x - 0.5) / 0.1) ** 2 + ((y - 0.43) / 0.11) ** 2) ** 2))
    cheeks = sum(np.exp(-((((x - at) / 0.1) ** 2 + ((y - 0.45) / 0.08) ** 2) ** 2)) for at in (0.3, 0.7))
    weight = np.clip(nose + 0.7 * cheeks, 0, 1).astype(np.float32)
    weight.flags.writeable = False  # one for all who ask
    return weight


def grey(crop_bgr: U8) -> F32:
    """Return a crop's grey levels, smoothed a little, float32 (S, S)."""
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(crop_bgr, cv2.COLOR_BGR2GRAY), (0, 0), 1.0), np.float32)


def _support(weight: F32) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the pixels that count, and of those beside them, for the slopes there."""
    counted = weight > LEAST_WEIGHT
    rows, columns = np.flatnonzero(counted.any(1)), np.flatnonzero(counted.any(0))
    if not len(rows):
        return 0, 0, weight.shape[1], weight.shape[0]
    right, bottom = min(int(columns[-1]) + 2, weight.shape[1]), min(int(rows[-1]) + 2, weight.shape[0])
    return max(int(columns[0]) - 1, 0), max(int(rows[0]) - 1, 0), right, bottom


def _normal(picture: F32, weight: F32) -> F32:
    """Return a picture without its mean and spread, both weighted, float32 (h, w)."""
    total = max(float(weight.sum()), 1e-6)
    centred = picture - np.float32(np.vdot(picture, weight) / total)
    spread = float(np.vdot(centred * centred, weight)) / total
    return np.asarray(centred * np.float32(1.0 / np.sqrt(max(spread, 1.0))), np.float32)
