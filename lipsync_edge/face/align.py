"""Two ways from a frame to what a face network eats: the published box crop, and ours, aligned by five landmarks.

The aligned crop is a similarity (turn, scale, shift): upright, the eyes and the mouth always at the same place,
so a small network need not learn pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.types import F32, U8

F64 = npt.NDArray[np.float64]
TEMPLATE = np.array([(0.33, 0.27), (0.67, 0.27), (0.50, 0.455), (0.375, 0.63), (0.625, 0.63)], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class AlignedCrop:
    """The square crop of one face.

    Attributes:
        to_crop: float64 (2, 3), frame pixels → crop pixels.
        side: width and height of the crop, in pixels.
    """

    to_crop: F64
    side: int

    @property
    def to_frame(self) -> F64:
        """float64 (2, 3), crop pixels → frame pixels."""
        return np.asarray(cv2.invertAffineTransform(self.to_crop), np.float64)

    @property
    def scale(self) -> float:
        """Frame pixels per crop pixel."""
        return float(np.hypot(self.to_frame[0, 0], self.to_frame[1, 0]))

    def cut(self, frame_bgr: U8) -> U8:
        """Return the crop, uint8 (side, side, 3) BGR; beyond the frame's edge its border is repeated.

        A large face is first averaged down by a whole number, so that it does not alias.
        """
        step = int(self.scale)
        matrix, seen = self.to_crop, frame_bgr
        if step > 1 and (around := self._around(frame_bgr.shape, step)) is not None:
            x1, y1, width, height = around
            part = frame_bgr[y1 : y1 + height * step, x1 : x1 + width * step]
            seen = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
            centre = np.array([x1, y1]) + (step - 1) / 2
            shift = matrix[:, 2] + matrix[:, :2] @ centre
            matrix = np.hstack([matrix[:, :2] * step, shift[:, None]])
        size, border = (self.side, self.side), cv2.BORDER_REPLICATE
        return np.asarray(
            cv2.warpAffine(seen, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border), np.uint8
        )

    def _around(self, shape: tuple[int, ...], step: int) -> tuple[int, int, int, int] | None:
        """Left, top of the frame's part below the crop, and its size in steps; None where there is none."""
        edge = -1.0, float(self.side)
        corners = np.array([(x, y, 1.0) for x in edge for y in edge]) @ self.to_frame.T
        x1, y1 = np.maximum(np.floor(corners.min(0)).astype(int) - step, 0).tolist()
        x2, y2 = np.minimum(np.ceil(corners.max(0)).astype(int) + step, (shape[1], shape[0])).tolist()
        width, height = (x2 - x1) // step, (y2 - y1) // step
        return (x1, y1, width, height) if min(width, height) > 0 else None


def similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> F64:
    """Return the least-squares similarity, float64 (2, 3), that takes points (n, 2) to points (n, 2).

    Umeyama, "Least-squares estimation of transformation parameters", PAMI 1991, without reflection.
    """
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    mean_a, mean_b = a.mean(0), b.mean(0)
    x, y = a - mean_a, b - mean_b
    spread = max(float((x * x).sum()), 1e-12)
    cos = float((x * y).sum()) / spread
    sin = float((x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]).sum()) / spread
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.hstack([turn, (mean_b - turn @ mean_a)[:, None]])


def aligned_crop(landmarks: F32, side: int) -> AlignedCrop:
    """Return the crop that puts five landmarks, float32 (5, 2) in frame pixels, on the template.

    The centre of the top-left pixel is (0, 0), as everywhere in OpenCV.
    """
    return AlignedCrop(similarity(landmarks, TEMPLATE * side - 0.5), side)


def box_to_pixels(box_xyxy: F32, frame_bgr: U8) -> tuple[int, int, int, int]:
    """Return x1, y1, x2, y2 as whole pixels inside the frame (truncated, as the published code does)."""
    height, width = frame_bgr.shape[:2]
    x1, y1, x2, y2 = (int(v) for v in box_xyxy)
    return max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
