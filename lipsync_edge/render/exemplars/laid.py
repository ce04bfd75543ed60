"""Exemplars that were picked for a frame, laid on its head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.landmarks import RIGID
from lipsync_edge.render.exemplars.alignment import lay, refine, rigid_weight
from lipsync_edge.render.exemplars.library import Exemplar
from lipsync_edge.render.exemplars.reshape import FaceShape
from lipsync_edge.render.exemplars.target import Target

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """An exemplar and its share of the mouth, 0…1."""

    exemplar: Exemplar
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A picked exemplar on the target's head."""

    pick: Pick
    to_exemplar: F64  # target crop pixels → exemplar crop pixels
    face: FaceShape


def lay_pick(pick: Pick, target: Target) -> Laid:
    """Lay an exemplar's head on the target's."""
    exemplar, side = pick.exemplar, target.crop.side
    matrix = lay(exemplar.points[list(RIGID)], target.face.points[list(RIGID)])
    grey = cv2.GaussianBlur(exemplar.grey, (0, 0), 1.0).astype(np.float32)
    matrix = refine(grey, target.grey, matrix, rigid_weight(side))
    points = exemplar.points @ matrix[:, :2].T + matrix[:, 2]
    face = FaceShape(points.astype(np.float32), exemplar.look.shape, target.face.unit, target.face.yaw)
    return Laid(pick, np.asarray(cv2.invertAffineTransform(matrix), np.float64), face)


def merged(laid: Sequence[Laid]) -> FaceShape:
    """Return the weighted mean of the laid faces."""
    weights = np.array([one.pick.weight for one in laid], np.float32)
    weights /= weights.sum()
    points = np.tensordot(weights, np.stack([one.face.points for one in laid]), 1)
    shape = np.tensordot(weights, np.stack([one.face.shape for one in laid]), 1)
    return replace(laid[0].face, points=points, shape=shape)
