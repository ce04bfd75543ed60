"""Opening, width and jaw of a mouth from mesh points: 3-D distances over the 3-D distance of the eyes.

A ratio of 3-D lengths hardly changes when the head turns; the mesh's own depth is an estimate, so at more than
about 40° of yaw the width still shrinks by some per cent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

# Closed contours, from the image-left corner along the lower lip to the other corner and back along the upper lip.
OUTER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
LEFT_EYE = (33, 133)  # outer and inner corner of the image-left eye
RIGHT_EYE = (263, 362)
INNER_PAIRS = ((82, 87), (13, 14), (312, 317))  # upper and lower inner lip, the middle and beside it
CORNERS = (61, 291)
SUBNASALE, CHIN = 2, 152


@dataclass(frozen=True, slots=True, eq=False)
class MouthMeasures:
    """Shape of the mouth in T frames, in units of the distance between the eye centres; float32 (T,) each.

    Attributes:
        opening: gap between the inner lips, mean of three places; shut about 0.01, wide open 0.35 and more.
        width: corner to corner; about 0.55 to 1.1.
        jaw: nose base to chin; about 1.1 to 1.5.
    """

    opening: F32
    width: F32
    jaw: F32


def mouth_measures(points: npt.NDArray[Any]) -> MouthMeasures:
    """Measure points float (T, 478, 3) in any unit; frames without a face (all zero) give zeros."""
    p = np.asarray(points, np.float64)
    left, right = p[:, LEFT_EYE].mean(1), p[:, RIGHT_EYE].mean(1)
    unit = np.linalg.norm(right - left, axis=-1)
    unit = np.where(unit > 0, unit, np.inf)
    gaps = [np.linalg.norm(p[:, a] - p[:, b], axis=-1) for a, b in INNER_PAIRS]
    width = np.linalg.norm(p[:, CORNERS[0]] - p[:, CORNERS[1]], axis=-1)
    jaw = np.linalg.norm(p[:, CHIN] - p[:, SUBNASALE], axis=-1)
    opening = np.mean(gaps, axis=0)
    return MouthMeasures(*((v / unit).astype(np.float32) for v in (opening, width, jaw)))
