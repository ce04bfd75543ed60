"""Laying an exemplar's head on the target's: by the landmarks that speech does not move, then by the pictures."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.arrays import F32, U8
from lipsync_edge.crop import similarity

F64 = npt.NDArray[np.float64]

STEPS = 4
FARTHEST = 3.0  # pixels of the 128-pixel crop: a larger correction is not believed
LEAST_TEXTURE = 1e-3


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
    moved = matrix.copy()
    size = target_grey.shape[::-1]
    wanted = _normal(target_grey, weight)
    for _ in range(STEPS):
        warped = cv2.warpAffine(exemplar_grey, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = _normal(np.asarray(warped, np.float32), weight)
        dx, dy = cv2.Sobel(seen, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(seen, cv2.CV_32F, 0, 1) / 8
        error = seen - wanted
        xx, xy, yy = (float((weight * a * b).sum()) for a, b in ((dx, dx), (dx, dy), (dy, dy)))
        normal = np.array([[xx, xy], [xy, yy]]) + LEAST_TEXTURE * np.eye(2)
        right = np.array([float((weight * dx * error).sum()), float((weight * dy * error).sum())])
        step = np.linalg.solve(normal, right)
        moved[:, 2] += step
        if np.abs(step).max() < 0.01:
            break
    return moved if np.hypot(*(moved[:, 2] - matrix[:, 2])) <= FARTHEST else matrix


def rigid_weight(side: int) -> F32:
    """Return float32 (side, side): 1 on nose and upper cheeks of an aligned crop, 0 at eyes, mouth and edges."""
    centre = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, y = np.meshgrid(centre, centre)
    nose = np.exp(-((((x - 0.5) / 0.1) ** 2 + ((y - 0.43) / 0.11) ** 2) ** 2))
    cheeks = sum(
        np.exp(-((((x - at) / 0.1) ** 2 + ((y - 0.45) / 0.08) ** 2) ** 2)) for at in (0.3, 0.7)
    )
    return np.clip(nose + 0.7 * cheeks, 0, 1).astype(np.float32)


def grey(crop_bgr: U8) -> F32:
    """Return a crop's grey levels, smoothed a little, float32 (S, S)."""
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(crop_bgr, cv2.COLOR_BGR2GRAY), (0, 0), 1.0), np.float32)


def _normal(picture: F32, weight: F32) -> F32:
    total = max(float(weight.sum()), 1e-6)
    mean = float((picture * weight).sum()) / total
    spread = float((np.square(picture - mean) * weight).sum()) / total
    return np.asarray((picture - mean) / np.sqrt(max(spread, 1.0)), np.float32)
