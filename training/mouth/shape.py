"""The shape of a mouth as the mesh teacher sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.teachers.mouth_measures import mouth_measures

Array = npt.NDArray[Any]


def mouth_shape(points: Array) -> Array:
    """Return opening, width and jaw in eye distances, float (n, 3), of meshes (n, 478, 3); NaN rows stay NaN."""
    found = mouth_measures(points)
    return np.stack([found.opening, found.width, found.jaw], -1)
