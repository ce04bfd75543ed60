"""A labelling teacher that follows a face as MediaPipe does: a detector, a mesh network, and squares between them.

The next crop is a square of 1.5 × the mesh's bounding box, turned so that the outer eye corners are level.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.models.telemetry import import_openvino

Array = npt.NDArray[Any]

DETECT_SIDE = 128
ROI_SCALE = 1.5
EYE_CORNERS = (33, 263)
LEAST_SCORE = 0.5


@dataclass(frozen=True, slots=True)
class Square:
    """A turned square in a frame: centre and side in pixels, angle in radians (x axis towards y axis)."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def to_crop(self, out_side: int, half: float = 0.5) -> Array:
        """Return the similarity, float64 (2, 3), frame pixels → pixels of a crop of `out_side`.

        Args:
            out_side: side of the crop in pixels.
            half: where the centre of the first pixel lies: 0.5 where pixel centres have whole coordinates, else 0.
        """
        scale = out_side / self.side
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        matrix = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
        matrix[:, 2] = out_side / 2 - half - matrix[:, :2] @ np.array([self.x, self.y])
        return matrix


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Landmarks of one face.

    Attributes:
        points: float32 (n, 3), x and y in frame pixels, z in the same unit (smaller is nearer).
        score: face probability 0..1 given by the mesh network.
    """

    points: Array
    score: float


class FaceFollower(ABC):
    """Finds the largest face of a frame and follows it from frame to frame.

    Args:
        mesh: the mesh network's .tflite file.
        detector: the face detector's.
        threads: inference threads.

    Attributes:
        points: how many landmarks the mesh has.
        mesh_side: side of its input in pixels.
        half: see `Square.to_crop`.
        gives_unsure: whether a face that was just found is given though its score is low; it is never followed.
    """

    points: int
    mesh_side: int
    half: float
    gives_unsure: bool

    def __init__(self, mesh: Path, detector: Path, threads: int) -> None:
        """Compile both networks."""
        core = import_openvino().Core()
        config = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        self._mesh, self._detector = (
            core.compile_model(str(path), "CPU", config) for path in (mesh, detector)
        )
        self._priors = _priors()
        self._last: Array | None = None

    @abstractmethod
    def cut(self, frame_bgr: Array, square: Square, side: int, border: int) -> tuple[Array, Array]:
        """Return the crop uint8 (side, side, 3) of a square, and its matrix."""

    def reset(self) -> None:
        """Forget the face followed so far (call at the start of a clip)."""
        self._last = None

    def __call__(self, frame_bgr: Array) -> Mesh | None:
        """Label one frame uint8 (H, W, 3) BGR; None where no face was found."""
        if self._last is not None:
            found = self.mesh(frame_bgr, square_of_points(self._last))
            if found.score > LEAST_SCORE:
                self._last = found.points
                return found
        square = self.detect(frame_bgr)
        self._last = None
        if square is None:
            return None
        found = self.mesh(frame_bgr, square)
        for _ in range(2):  # the second crop is centred on the mesh itself
            found = self.mesh(frame_bgr, square_of_points(found.points))
        if found.score > LEAST_SCORE:
            self._last = found.points
            return found
        return found if self.gives_unsure else None

    def mesh(self, frame_bgr: Array, square: Square) -> Mesh:
        """Run the mesh network on one turned square."""
        crop, to_crop = self.cut(frame_bgr, square, self.mesh_side, cv2.BORDER_REPLICATE)
        blob = crop[None, :, :, ::-1].astype(np.float32) / 255.0
        outputs = self._mesh(np.ascontiguousarray(blob))
        raw = outputs[0].reshape(self.points, 3)
        score = 1.0 / (1.0 + float(np.exp(-outputs[1].reshape(-1)[0])))
        back = cv2.invertAffineTransform(to_crop)
        points = np.empty((self.points, 3), np.float32)
        points[:, :2] = (raw[:, :2] - np.float32(self.half)) @ back[:, :2].T + back[:, 2]
        points[:, 2] = raw[:, 2] * (square.side / self.mesh_side)
        return Mesh(points, score)

    def detect(self, frame_bgr: Array) -> Square | None:
        """Return the mesh square of the largest face; looks at tiles too where the whole frame shows none."""
        height, width = frame_bgr.shape[:2]
        side = float(max(height, width))
        found = self._detect_in(frame_bgr, Square(width / 2, height / 2, side))
        for scale in (0.5, 0.3):
            if found:
                break
            tile = side * scale
            for cy in np.arange(tile / 2, height, tile / 2):
                for cx in np.arange(tile / 2, width, tile / 2):
                    found += self._detect_in(frame_bgr, Square(float(cx), float(cy), tile))
        return max(found, key=lambda square: square.side) if found else None

    def _detect_in(self, frame_bgr: Array, square: Square) -> list[Square]:
        crop, _ = self.cut(frame_bgr, square, DETECT_SIDE, cv2.BORDER_CONSTANT)
        blob = crop[None, :, :, ::-1].astype(np.float32) / 127.5 - 1.0
        outputs = self._detector(np.ascontiguousarray(blob))
        boxes = outputs[0].reshape(-1, 16)
        score = 1.0 / (1.0 + np.exp(-np.clip(outputs[1].reshape(-1), -50, 50)))
        found = []
        for index in np.nonzero(score > 0.6)[0]:
            values = boxes[index].reshape(8, 2) / DETECT_SIDE
            eyes = values[2:4] + self._priors[index]
            angle = float(np.arctan2(eyes[1, 1] - eyes[0, 1], eyes[1, 0] - eyes[0, 0]))
            origin = np.array([square.x - square.side / 2, square.y - square.side / 2])
            x, y = origin + (values[0] + self._priors[index]) * square.side
            found.append(Square(float(x), float(y), float(values[1].max() * square.side * ROI_SCALE), angle))
        return found


def square_of_points(points: Array) -> Square:
    """Return the square to look in next, of landmarks float (n, 3) in frame pixels."""
    left, right = points[EYE_CORNERS[0], :2], points[EYE_CORNERS[1], :2]
    angle = float(np.arctan2(right[1] - left[1], right[0] - left[0]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    level = points[:, :2] @ turn
    low, high = level.min(0), level.max(0)
    centre = turn @ ((low + high) / 2)
    return Square(float(centre[0]), float(centre[1]), float((high - low).max() * ROI_SCALE), angle)


def _priors() -> Array:
    rows = []
    for grid, repeat in ((16, 2), (8, 6)):
        y, x = np.mgrid[0:grid, 0:grid]
        centres = np.stack([x, y], -1).reshape(-1, 1, 2).repeat(repeat, 1).reshape(-1, 2)
        rows.append((centres + 0.5) / grid)
    return np.concatenate(rows).astype(np.float32)
