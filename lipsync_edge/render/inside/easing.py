"""Smooth steps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lipsync_edge.types import F32


def smooth(part: npt.ArrayLike) -> F32:
    """Return 0 below 0, 1 above 1 and a smooth step between, float32."""
    clipped = np.clip(np.asarray(part, np.float32), 0.0, 1.0)
    return np.asarray(clipped * clipped * (3.0 - 2.0 * clipped), np.float32)
