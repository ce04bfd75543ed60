"""Smoothing over time without lag: still heads stand still, fast heads are followed at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lipsync_edge.types import F32

_TIME_SPREAD = 0.6  # of the radius, standard deviation of the weights over time
_MOTION_SPREAD = 0.04  # of the face size: frames in which the face stands farther off count little


def smooth_row(rows: F32, centre: int, radius: int, size: float) -> F32:
    """Smooth one frame's numbers with its neighbours'.

    A straight line is fitted through the neighbours, weighted by how near they are in time and in position (a
    bilateral filter of first order): noise is averaged, a steady motion is not delayed, a jump stays a jump.

    Args:
        rows: float32 (n, k), the numbers of n consecutive frames, in pixels.
        centre: which of them is smoothed.
        radius: frames before and after that count; 0 gives the row back.
        size: size of the face in pixels.

    Returns:
        float32 (k,).
    """
    low, high = max(0, centre - radius), min(len(rows), centre + radius + 1)
    if high - low < 3:
        return np.asarray(rows[centre], np.float32)
    near = rows[low:high].astype(np.float64)
    time = np.arange(low, high, dtype=np.float64) - centre
    distance = np.sqrt(((near - near[centre - low]) ** 2).mean(axis=1)) / size
    weight = np.exp(-0.5 * (time / (_TIME_SPREAD * radius)) ** 2 - 0.5 * (distance / _MOTION_SPREAD) ** 2)
    return np.asarray(_line_at_zero(time, near, weight), np.float32)


def _line_at_zero(
    time: npt.NDArray[np.float64], rows: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Value at time 0 of the weighted least-squares line through rows (n, k) at times (n,)."""
    weight = weight / weight.sum()
    mean_time = float(weight @ time)
    mean = weight @ rows
    spread = float(weight @ (time - mean_time) ** 2)
    slope = (weight * (time - mean_time)) @ rows / spread if spread > 1e-9 else np.zeros_like(mean)
    return np.asarray(mean - slope * mean_time)
