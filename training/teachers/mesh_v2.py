"""The second labelling teacher: MediaPipe's face detector and the 478-point mesh v2.

The two networks are taken out of `face_landmarker.task` (Google, Apache-2.0).
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np

from training.cli import WORK
from training.teachers.face_follower import Array, FaceFollower, Mesh, Square, square_of_points

__all__ = ["POINTS", "TASK", "Mesh", "MeshTeacher", "Square", "cut_square", "square_of_points"]

TASK = WORK / "teacher" / "face_landmarker.task"
POINTS = 478
DETECTOR = "face_detector.tflite"
MESH = "face_landmarks_detector.tflite"


class MeshTeacher(FaceFollower):
    """Follows a face by 478 points.

    Args:
        task: the file `face_landmarker.task`.
        threads: inference threads.
    """

    points = POINTS
    mesh_side = 256
    half = 0.5
    gives_unsure = False

    def __init__(self, task: Path, threads: int = 1) -> None:
        # a .tflite needs a path
        with zipfile.ZipFile(task) as bundle, tempfile.TemporaryDirectory() as folder:
            mesh, detector = (Path(bundle.extract(name, folder)) for name in (MESH, DETECTOR))
            super().__init__(mesh, detector, threads)

    def cut(self, frame_bgr: Array, square: Square, side: int, border: int) -> tuple[Array, Array]:
        """Return the crop uint8 (side, side, 3) of a square, and its matrix."""
        return cut_square(frame_bgr, square, side, border)


def cut_square(
    frame_bgr: Array, square: Square, side: int, border: int = cv2.BORDER_REPLICATE
) -> tuple[Array, Array]:
    """Return the crop uint8 (side, side, 3) and its matrix; large faces are halved first, against aliasing."""
    to_crop = square.to_crop(side)
    image, matrix, scale = frame_bgr, to_crop, side / square.side
    while scale <= 0.5:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.array([[2.0, 0, 0.5], [0, 2.0, 0.5], [0, 0, 1.0]])
        scale *= 2
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=border), to_crop
