"""The labelling teacher: MediaPipe's face detector and 468-point FaceMesh, read by OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.models.telemetry import import_openvino

Array = npt.NDArray[Any]

MESH_SIDE = 192
DETECT_SIDE = 128
ROI_SCALE = 1.5
EYE_CORNERS = (33, 263)


@dataclass(frozen=True, slots=True)
class MeshResult:
    """Landmarks of one face.

    Attributes:
        points: float32 (468, 3), x and y in frame pixels, z in pixels (smaller is nearer).
        score: face probability 0..1 given by the mesh network.
    """

    points: Array
    score: float


class FaceTeacher:
    """Finds the largest face of a frame and follows it from frame to frame."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Compile both networks.

        Args:
            folder: MediaPipe's `modules` folder (holds `face_landmark/` and `face_detection/`).
            threads: inference threads.
        """
        ov = import_openvino()

        core = ov.Core()
        config = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        mesh = folder / "face_landmark" / "face_landmark.tflite"
        detector = folder / "face_detection" / "face_detection_short_range.tflite"
        self._mesh = core.compile_model(str(mesh), "CPU", config)
        self._detector = core.compile_model(str(detector), "CPU", config)
        self._priors = _priors()
        self._last: Array | None = None

    def reset(self) -> None:
        """Forget the face followed so far (call at the start of a clip)."""
        self._last = None

    def __call__(self, frame_bgr: Array) -> MeshResult | None:
        """Label one frame uint8 (H, W, 3) BGR; None where no face was found."""
        if self._last is not None:
            result = self.mesh(frame_bgr, _roi_from_points(self._last))
            if result.score > 0.5:
                self._last = result.points
                return result
        roi = self.detect(frame_bgr)
        if roi is None:
            self._last = None
            return None
        result = self.mesh(frame_bgr, roi)
        for _ in range(2):  # the second crop is centred on the mesh itself
            result = self.mesh(frame_bgr, _roi_from_points(result.points))
        self._last = result.points if result.score > 0.5 else None
        return result

    def mesh(self, frame_bgr: Array, roi: tuple[float, float, float, float]) -> MeshResult:
        """Run FaceMesh on a rotated square (centre x, centre y, side, angle in radians) in pixels."""
        to_crop = _crop_matrix(roi)
        crop = cv2.warpAffine(frame_bgr, to_crop, (MESH_SIDE, MESH_SIDE), borderMode=cv2.BORDER_REPLICATE)
        blob = crop[None, :, :, ::-1].astype(np.float32) / 255.0
        outputs = self._mesh(np.ascontiguousarray(blob))
        raw = outputs[0].reshape(468, 3)
        score = 1.0 / (1.0 + float(np.exp(-outputs[1].reshape(-1)[0])))
        back = cv2.invertAffineTransform(to_crop)
        points = np.empty((468, 3), np.float32)
        points[:, :2] = raw[:, :2] @ back[:, :2].T + back[:, 2]
        points[:, 2] = raw[:, 2] * (roi[2] / MESH_SIDE)
        return MeshResult(points, score)

    def detect(self, frame_bgr: Array) -> tuple[float, float, float, float] | None:
        """Return the mesh square of the largest face; looks at tiles too where the whole frame shows none."""
        height, width = frame_bgr.shape[:2]
        side = float(max(height, width))
        found = self._detect_square(frame_bgr, (width / 2, height / 2, side))
        for scale in (0.5, 0.3):
            if found:
                break
            tile = side * scale
            for cy in np.arange(tile / 2, height, tile / 2):
                for cx in np.arange(tile / 2, width, tile / 2):
                    found += self._detect_square(frame_bgr, (float(cx), float(cy), tile))
        return max(found, key=lambda roi: roi[2]) if found else None

    def _detect_square(
        self, frame_bgr: Array, square: tuple[float, float, float]
    ) -> list[tuple[float, float, float, float]]:
        cx, cy, side = square
        to_crop = _crop_matrix((cx, cy, side, 0.0), DETECT_SIDE)
        crop = cv2.warpAffine(frame_bgr, to_crop, (DETECT_SIDE, DETECT_SIDE), flags=cv2.INTER_AREA)
        blob = crop[None, :, :, ::-1].astype(np.float32) / 127.5 - 1.0
        outputs = self._detector(np.ascontiguousarray(blob))
        boxes = outputs[0].reshape(-1, 16)
        score = 1.0 / (1.0 + np.exp(-np.clip(outputs[1].reshape(-1), -50, 50)))
        found = []
        for index in np.nonzero(score > 0.6)[0]:
            values = boxes[index].reshape(8, 2) / DETECT_SIDE
            centre = values[0] + self._priors[index]
            eyes = values[2:4] + self._priors[index]
            angle = float(np.arctan2(eyes[1, 1] - eyes[0, 1], eyes[1, 0] - eyes[0, 0]))
            origin = np.array([cx - side / 2, cy - side / 2])
            x, y = origin + centre * side
            found.append((float(x), float(y), float(values[1].max() * side * ROI_SCALE), angle))
        return found


def _priors() -> Array:
    rows = []
    for grid, repeat in ((16, 2), (8, 6)):
        y, x = np.mgrid[0:grid, 0:grid]
        centres = np.stack([x, y], -1).reshape(-1, 1, 2).repeat(repeat, 1).reshape(-1, 2)
        rows.append((centres + 0.5) / grid)
    return np.concatenate(rows).astype(np.float32)


def _crop_matrix(roi: tuple[float, float, float, float], out_side: int = MESH_SIDE) -> Array:
    cx, cy, side, angle = roi
    scale = out_side / side
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    matrix = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    matrix[:, 2] = out_side / 2 - matrix[:, :2] @ np.array([cx, cy])
    return matrix


def _roi_from_points(points: Array) -> tuple[float, float, float, float]:
    left, right = points[EYE_CORNERS[0], :2], points[EYE_CORNERS[1], :2]
    angle = float(np.arctan2(right[1] - left[1], right[0] - left[0]))
    cos, sin = np.cos(angle), np.sin(angle)
    turned = points[:, :2] @ np.array([[cos, -sin], [sin, cos]])
    low, high = turned.min(0), turned.max(0)
    centre = np.array([[cos, -sin], [sin, cos]]) @ ((low + high) / 2)
    return float(centre[0]), float(centre[1]), float((high - low).max() * ROI_SCALE), angle
