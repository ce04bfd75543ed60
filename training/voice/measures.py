"""Opening, width and jaw of a mesh (478 or 468 points), as the figures of the voice are measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.lips.coefficients import LOWER_INNER, MOVING, UPPER_INNER, ShapeModel

Array = npt.NDArray[Any]

NAMES = ("opening", "width", "jaw")
CORNERS = (61, 291)
JAW = (2, 152)  # nose base and chin
EYES = (33, 263)  # outer corners, whose distance is the unit


def measures(points: Array) -> Array:
    """Return opening, width and jaw in eye distances, float (T, 3), of meshes (T, k, 3) in pixels, in 3-D."""
    points = points.astype(np.float64)
    unit = np.linalg.norm(points[:, EYES[0]] - points[:, EYES[1]], axis=-1)
    gaps = np.linalg.norm(points[:, UPPER_INNER] - points[:, LOWER_INNER], axis=-1).mean(-1)
    width = np.linalg.norm(points[:, CORNERS[0]] - points[:, CORNERS[1]], axis=-1)
    jaw = np.linalg.norm(points[:, JAW[0]] - points[:, JAW[1]], axis=-1)
    return np.stack([gaps, width, jaw], -1) / unit[:, None]


def fixed_readout(model: ShapeModel) -> Array:
    """Return the opening, width and jaw (3, 8) that one unit of each mouth coefficient adds, in eye distances."""
    at = {point: i for i, point in enumerate(MOVING)}
    upper, lower = [at[i] for i in UPPER_INNER], [at[i] for i in LOWER_INNER]
    basis = model.basis
    opening = (basis[:, lower, 1] - basis[:, upper, 1]).mean(1)
    width = basis[:, at[CORNERS[1]], 0] - basis[:, at[CORNERS[0]], 0]
    return np.stack([opening, width, basis[:, at[JAW[1]], 1]])
