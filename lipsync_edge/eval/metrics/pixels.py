"""PSNR and SSIM: how near a picture is to another."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.types import U8

F64 = npt.NDArray[np.float64]
SIGMA, RADIUS = 1.5, 5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(one_bgr: U8, other_bgr: U8) -> float:
    """Return the peak signal-to-noise ratio in dB, 10·log10(255² / mean squared error); inf for equal pictures.

    Args:
        one_bgr: uint8 (H, W, 3).
        other_bgr: the same shape.
    """
    _same_shape(one_bgr, other_bgr)
    error = float(np.mean((one_bgr.astype(np.float64) - other_bgr) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def ssim(one_bgr: U8, other_bgr: U8) -> float:
    """Return the structural similarity, mean over channels and pixels, -1…1, 1 for equal pictures.

    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity",
    IEEE TIP 2004: Gaussian window of sigma 1.5 (11x11), K1 = 0.01, K2 = 0.03; pixels whose window leaves the picture
    do not count.

    Args:
        one_bgr: uint8 (H, W, 3), both sides at least 11.
        other_bgr: the same shape.
    """
    _same_shape(one_bgr, other_bgr)
    if min(one_bgr.shape[:2]) < 2 * RADIUS + 1:
        raise ValueError(f"SSIM needs sides from {2 * RADIUS + 1}, got {one_bgr.shape}")
    x, y = one_bgr.astype(np.float64), other_bgr.astype(np.float64)
    mean_x, mean_y = _window(x), _window(y)
    var_x, var_y = _window(x * x) - mean_x**2, _window(y * y) - mean_y**2
    both = _window(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + C1) * (2 * both + C2)
    bottom = (mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2)
    inside = (top / bottom)[RADIUS:-RADIUS, RADIUS:-RADIUS]
    return float(inside.mean())


def _window(plane: F64) -> F64:
    size = 2 * RADIUS + 1
    return np.asarray(cv2.GaussianBlur(plane, (size, size), SIGMA), np.float64)


def _same_shape(one: U8, other: U8) -> None:
    if one.shape != other.shape:
        raise ValueError(f"pictures of one size expected, got {one.shape} and {other.shape}")
