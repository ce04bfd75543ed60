"""The light of one picture on another: slow changes of colour are matched where both show the same skin."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync_edge.arrays import F32, U8

WIDTH = 48  # pixels of the small copies that are compared
BLUR = 14.0  # of these pixels
MOST = 1.3  # times as light, or as dark, at most
FLOOR = 4.0  # grey levels, so that black is not multiplied away


def match_light(taken: U8, base: U8, alpha: F32) -> U8:
    """Return a picture whose slow changes of colour, on the mask's rim, are those of another.

    Args:
        taken: uint8 (h, w, 3).
        base: uint8 (h, w, 3), what it is laid over.
        alpha: float32 (h, w), 0…1, the mask.
    """
    height, width = alpha.shape
    size = (WIDTH, max(8, round(WIDTH * height / width)))
    small = [np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA)) for plane in (taken, base)]
    mask = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    rim = mask * (1.0 - mask) * 4.0
    if float(rim.sum()) < 1.0:
        return taken
    weight = rim[..., None] + np.float32(1e-4)
    blurred = [cv2.GaussianBlur((part + np.float32(FLOOR)) * weight, (0, 0), BLUR) for part in small]
    gain = np.clip(blurred[1] / np.maximum(blurred[0], 1e-6), 1 / MOST, MOST).astype(np.float32)
    large = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(taken, large, dtype=cv2.CV_8U), np.uint8)
