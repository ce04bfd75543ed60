"""The light of one picture on another: slow changes of colour are matched where both show the same skin."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from lipsync_edge.types import F32, U8

WIDTH = 48  # pixels of the small copies that are compared
BLUR = 24.0  # of these pixels
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
    blurred = [_blurred((part + np.float32(FLOOR)) * weight) for part in small]
    gain = np.clip(blurred[1] / np.maximum(blurred[0], 1e-6), 1 / MOST, MOST).astype(np.float32)
    large = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(taken, large, dtype=cv2.CV_8U), np.uint8)


def _blurred(picture: F32) -> F32:
    """Blur a small picture, float32 (h, w, 3): as two products of matrices, a third of a convolution's time."""
    height, width = picture.shape[:2]
    down = _blur_of(height) @ picture.reshape(height, -1)
    across = _blur_of(width) @ down.reshape(height, width, -1).transpose(1, 0, 2).reshape(width, -1)
    return across.reshape(width, height, -1).transpose(1, 0, 2)


@lru_cache(maxsize=64)
def _blur_of(size: int) -> F32:
    """Return float32 (size, size), the Gaussian along one side, what lies beyond mirrored at its last pixel."""
    pulses = np.eye(size, dtype=np.float32)
    return np.asarray(
        cv2.sepFilter2D(pulses, cv2.CV_32F, np.ones((1, 1), np.float32), _gaussian()), np.float32
    )


@lru_cache(maxsize=1)
def _gaussian() -> np.ndarray:
    return cv2.getGaussianKernel(round(8 * BLUR + 1) | 1, BLUR, cv2.CV_32F)
