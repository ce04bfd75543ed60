"""Mouth coefficients of the talking clips from the finer mesh (v2), in the basis that the renderer obeys.

FaceMesh (the basis was learnt on its points) and mesh v2 agree on opening and jaw (r 0.93, 0.91 within a clip) and not
on width (0.64): v2 sees the corners better. So the axes stay FaceMesh's and the numbers come from v2, each scaled to
the spread that FaceMesh's has, because that is what the renderer was trained with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.lips.coefficients import MOVING, ShapeModel, gap, neutral_mouths, upright
from training.voice.measures import fixed_readout

Array = npt.NDArray[Any]


def mesh_codes(points: Array, clip: Array, weight: Array, model: ShapeModel) -> tuple[Array, Array]:
    """Return the coefficients of meshes, and what one unit of each is.

    Args:
        points: float (n, 478, 3) in frame pixels.
        clip: int (n,), clip of each frame.
        weight: float (n,), how much a frame counts.
        model: the basis.

    Returns:
        Coefficients float32 (n, 8) of unit spread, and the units float (8,) in the model's own.
    """
    flat = points[:, :468, :2].astype(np.float64)
    shapes = upright(flat, model.face.astype(np.float64))
    moved = (shapes - neutral_mouths(shapes, gap(flat), clip))[:, list(MOVING)].reshape(len(flat), -1)
    basis = model.basis.reshape(len(model.basis), -1)
    raw = moved @ basis.T / (basis**2).sum(1)
    units = np.sqrt((raw**2 * weight[:, None]).sum(0) / weight.sum())
    return (raw / units).astype(np.float32), units


def mesh_readout(model: ShapeModel, units: Array) -> Array:
    """Return opening, width and jaw (3, 8) of one unit of each coefficient, in eye distances as mesh v2 sees them."""
    return fixed_readout(model) * units


def load_readout(data: Path) -> Array:
    """Read what `prepare_grid` wrote of it, float (3, 8)."""
    with np.load(data / "readout.npz") as file:
        return np.asarray(file["readout"])
