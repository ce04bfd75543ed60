"""What a mouth renderer is asked in training: coefficients of the corpus, their width and jaw made larger and mixed.

The audio encoder's finish multiplies width and jaw after what it hears; and in the corpus width goes along with the
opening, so that a renderer that only sees the corpus may take the one for the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.lips.coefficients import LOWER_INNER, MOVING, UPPER_INNER, ShapeModel
from training.lips.labelled import Frames

Array = npt.NDArray[Any]

CORNERS = (61, 291)
CHIN = (152, 148, 377, 176, 400)
SCALE = (0.7, 1.6)  # times the corpus: how far a mouth is asked to move
OPEN = 0.6  # how often the widest open of three frames is taken
OTHER_WIDTH = 0.5  # how often the width is another frame's
WIDER, LOWER = (0.6, 2.6), (0.7, 1.6)  # times the corpus: width, jaw
STEP = (0.3, 1.0)  # of what changes from one frame to the next


def readout(model: ShapeModel) -> Array:
    """Return the opening, width and jaw (3, 8) that one unit of each coefficient adds, in eye distances."""
    at = {point: i for i, point in enumerate(MOVING)}
    basis = model.basis
    upper, lower, chin = ([at[i] for i in points] for points in (UPPER_INNER, LOWER_INNER, CHIN))
    opening = (basis[:, lower, 1] - basis[:, upper, 1]).mean(1)
    width = basis[:, at[CORNERS[1]], 0] - basis[:, at[CORNERS[0]], 0]
    return np.stack([opening, width, basis[:, chin, 1].mean(1)])


class Asking:
    """Draws what is asked.

    Attributes:
        width: float (n,), how much wider than shut each frame's mouth is, in eye distances.
    """

    def __init__(self, frames: Frames, rng: np.random.Generator) -> None:
        self._frames, self._rng = frames, rng
        self._readout = readout(frames.model)
        self._along = np.linalg.pinv(self._readout)
        self.width = frames.coefficients @ self._readout[1]

    def draw(self) -> Array:
        """Return coefficients, float32 (8,)."""
        row = self._row()
        asked = self._frames.coefficients[row] * self._rng.uniform(*SCALE)
        opening, width, jaw = self._readout @ asked
        wanted = width
        if self._rng.random() < OTHER_WIDTH:
            wanted = self.width[self._row()]
        change = np.array(
            [0.0, wanted * self._rng.uniform(*WIDER) - width, jaw * (self._rng.uniform(*LOWER) - 1.0)]
        )
        return np.asarray(asked + self._along @ change, np.float32)

    def step(self) -> Array:
        """Return how coefficients change from one frame to the next, or less, float32 (8,)."""
        row = self._row()
        change = self._frames.coefficients[self._frames.after[row]] - self._frames.coefficients[row]
        return np.asarray(change * self._rng.uniform(*STEP), np.float32)

    def _row(self) -> int:
        rows = self._frames.of_speaker[int(self._rng.integers(len(self._frames.of_speaker)))]
        some = rows[self._rng.integers(len(rows), size=3)]
        return int(some[np.argmax(self._frames.gaps[some])] if self._rng.random() < OPEN else some[0])
