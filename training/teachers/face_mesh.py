"""The first labelling teacher: MediaPipe's face detector and 468-point FaceMesh."""

from __future__ import annotations

from pathlib import Path

import cv2

from training.teachers.face_follower import DETECT_SIDE, Array, FaceFollower, Square


class FaceTeacher(FaceFollower):
    """Follows a face by 468 points.

    Args:
        folder: MediaPipe's `modules` folder (holds `face_landmark/` and `face_detection/`).
        threads: inference threads.
    """

    points = 468
    mesh_side = 192
    half = 0.0
    gives_unsure = True  # labels carry the score; who reads them decides

    def __init__(self, folder: Path, threads: int = 1) -> None:
        mesh = folder / "face_landmark" / "face_landmark.tflite"
        super().__init__(mesh, folder / "face_detection" / "face_detection_short_range.tflite", threads)

    def cut(self, frame_bgr: Array, square: Square, side: int, border: int) -> tuple[Array, Array]:
        """Return the crop uint8 (side, side, 3) of a square, and its matrix."""
        to_crop = square.to_crop(side, self.half)
        flags = cv2.INTER_AREA if side == DETECT_SIDE else cv2.INTER_LINEAR
        return cv2.warpAffine(frame_bgr, to_crop, (side, side), flags=flags, borderMode=border), to_crop
