"""Whether one sees where the new mouth was put in."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync_edge.types import U8

LEAST_CHANGE = 6.0  # grey levels; below it is the encoder's noise
LEAST_PIXELS = 30


def seam(made_bgr: U8, source_bgr: U8) -> float | None:
    """Return how strong edges are along the border of what was changed, over the source's at the same place.

    The changed region is where the blurred absolute difference passes 6 grey levels; its border is a band of nine
    pixels, so that a hard edge lies inside it; the value is mean gradient magnitude (Sobel) of the made picture there
    over the source's. 1 means that there is no seam, above 1 an edge that the source has not, below 1 a blurred
    border. None when nothing changed. Our definition.

    Args:
        made_bgr: uint8 (H, W, 3), the face and its surroundings.
        source_bgr: the same cut of the source.
    """
    difference = np.abs(made_bgr.astype(np.float32) - source_bgr).max(2)
    changed = (cv2.GaussianBlur(difference, (0, 0), 2.0) > LEAST_CHANGE).astype(np.uint8)
    changed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))  # type: ignore[assignment]
    band = cv2.morphologyEx(changed, cv2.MORPH_GRADIENT, np.ones((9, 9), np.uint8)).astype(bool)
    if int(band.sum()) < LEAST_PIXELS:
        return None
    return float(_gradient(made_bgr)[band].mean() / max(_gradient(source_bgr)[band].mean(), 1.0))


def _gradient(image_bgr: U8) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    grey = np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), np.float32)
    x, y = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.hypot(x, y)
