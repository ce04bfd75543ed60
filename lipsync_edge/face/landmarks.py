"""Lips, nose, jaw, eyes and the pose of the head, from the aligned crop of a face.

Units: a crop unit is the crop's side; (0, 0) is the outer corner of its top-left pixel, (1, 1) that of its
bottom-right one, so that a point lies at pixel `point · side − 0.5` in OpenCV's counting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import ModelError
from lipsync_edge.models.network import Network
from lipsync_edge.types import F32, U8

F64 = npt.NDArray[np.float64]

COUNT = 78
# Lips run from the image-left corner along the lower lip to the other corner and back along the upper lip.
OUTER_LIP = slice(0, 20)
INNER_LIP = slice(20, 40)
LIPS = slice(0, 40)
# bridge from the eyes down (4), tip (4 and 1 of the mesh), base, then wings from left to right
NOSE = slice(40, 51)
JAW = slice(51, 62)  # from the image-left ear over the chin to the other ear
EYES = slice(62, 72)  # image-left: outer corner, upper lid, inner corner, lower lid, iris; right: inner first
BROWS = slice(72, 76)  # from left to right: outer end, inner end, inner end, outer end
CHEEKS = slice(76, 78)
GROUPS = {
    "outer_lip": OUTER_LIP,
    "inner_lip": INNER_LIP,
    "nose": NOSE,
    "jaw": JAW,
    "eyes": EYES,
    "brows": BROWS,
    "cheeks": CHEEKS,
}
MOUTH_CORNERS = (0, 10)  # of the outer lip, image-left and image-right
NOSE_TIP, NOSE_BASE, CHIN = 45, 46, 56
LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS = (62, 64), (67, 69)
UPPER_INNER, LOWER_INNER = (36, 35, 34), (24, 25, 26)  # beside the middle, the middle, beside it
RIGID = (40, 41, 42, 43, 44, 46, 62, 64, 67, 69)  # nose and eye corners: speech moves them least


@dataclass(frozen=True, slots=True)
class MouthShape:
    """A mouth in units of the distance between the eye centres, by 3-D lengths, so that a turn hardly changes it.

    Attributes:
        opening: gap between the inner lips, mean of three places; shut about 0.01, wide open 0.35 and more.
        width: outer corner to outer corner; about 0.55 to 1.1.
        jaw: nose base to chin; about 1.1 to 1.5.
    """

    opening: float
    width: float
    jaw: float


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """One face.

    Attributes:
        points: float32 (78, 2), x and y in crop units; beyond 0..1 where a chin leaves the crop.
        depth: float32 (78,), in crop units, larger is farther from the camera; zero near the head's middle.
        pose: float32 (3,), degrees: yaw (> 0: turned towards the image's right), pitch (> 0: looking down) and
            roll (> 0: tilted clockwise) against the crop's own axes.
        confidence: 0..1, the share of the mouth that can be seen; near 0 where there is no face.
    """

    points: F32
    depth: F32
    pose: F32
    confidence: float

    def in_frame(self, to_frame: F64, side: int) -> F32:
        """Return the points in frame pixels, float32 (78, 2).

        Args:
            to_frame: float64 (2, 3), crop pixels → frame pixels (`AlignedCrop.to_frame`).
            side: of the crop, in pixels.
        """
        pixels = self.points.astype(np.float64) * side - 0.5
        return np.asarray(pixels @ to_frame[:, :2].T + to_frame[:, 2], np.float32)

    def five_points(self) -> F32:
        """Return eye centres, nose tip and mouth corners, float32 (5, 2) in crop units, for the next aligned crop."""
        p = self.points
        eyes = [p[list(corners)].mean(0) for corners in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)]
        return np.asarray(np.stack([*eyes, p[NOSE_TIP], *p[list(MOUTH_CORNERS)]]), np.float32)

    def mouth(self) -> MouthShape:
        """Measure the mouth."""
        p = np.concatenate([self.points, self.depth[:, None]], 1).astype(np.float64)
        left, right = p[list(LEFT_EYE_CORNERS)].mean(0), p[list(RIGHT_EYE_CORNERS)].mean(0)
        unit = max(float(np.linalg.norm(right - left)), 1e-6)
        gaps = np.linalg.norm(p[list(UPPER_INNER)] - p[list(LOWER_INNER)], axis=1)
        width = np.linalg.norm(p[MOUTH_CORNERS[0]] - p[MOUTH_CORNERS[1]])
        jaw = np.linalg.norm(p[NOSE_BASE] - p[CHIN])
        return MouthShape(*(float(v) / unit for v in (gaps.mean(), width, jaw)))


class Landmarker:
    """Finds the landmarks of aligned crops with a network of role "landmarks".

    Attributes:
        network: the loaded network.
        side: of the crops it eats, in pixels; cut them with `aligned_crop(five_points, side)`.
    """

    def __init__(self, network: Network) -> None:
        if network.spec.role != "landmarks":
            raise ModelError(expected="a landmarks card", got=f"card {network.spec.name}")
        self.network = network
        self.side = network.spec.side("face")

    def __call__(self, crops_bgr: Sequence[U8]) -> list[Landmarks]:
        """Return the landmarks of each crop, uint8 (side, side, 3) BGR; all crops make one batch."""
        if not crops_bgr:
            return []
        out = self.network(face=np.stack(crops_bgr))
        return [
            Landmarks(points[:, :2], points[:, 2], pose, float(visible))
            for points, pose, visible in zip(out["points"], out["pose"], out["visible"], strict=True)
        ]
