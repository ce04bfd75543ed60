"""Aligned face crops with region labels for the segmenter: polygons of the teacher, things in front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.light import camera, relight, side_light
from training.data.occluders import occlude
from training.data.sources import balanced, is_held_out, read_labels

Array = npt.NDArray[Any]
Rng = np.random.Generator

SIDE = 128  # what the network eats
MAP = 64  # what it gives
FINE = 4  # polygons are drawn this much finer than the crop
STORED = 160  # side of the stored crops; the middle 128 are the aligned crop
MARGIN = (STORED - SIDE) / 2
OUTER_LIPS = np.array(
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]
)
INNER_LIPS = np.array(
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191]
)
LOWER_FACE = np.array(
    [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454,
     346, 347, 348, 197, 119, 118, 117]
)  # fmt: skip


def region_maps(points: Array) -> Array:
    """Draw the teacher's polygons.

    Args:
        points: mesh (468, 2) in pixels of the 128 px crop.

    Returns:
        float32 (4, 64, 64): how much of each cell is rest, skin, lips and mouth; sums to 1.
    """
    fine = []
    large = (points + 0.5) * FINE - 0.5  # drawn eight times as fine as the map: OpenCV fills the outline too
    for polygon in (LOWER_FACE, OUTER_LIPS, INNER_LIPS):
        mask = np.zeros((SIDE * FINE, SIDE * FINE), np.uint8)
        cv2.fillPoly(mask, [np.round(large[polygon] * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
        fine.append(cv2.resize(mask, (MAP, MAP), interpolation=cv2.INTER_AREA).astype(np.float32) / 255)
    face, outer, inner = fine
    inner = np.minimum(inner, outer)
    face = np.maximum(face, outer)
    return np.stack([1 - face, face - outer, outer - inner, inner])


class RegionPool:
    """Crops of stills and corpus frames, balanced by person, with their meshes."""

    def __init__(self, labels: Path, held_out: bool, per_person: int = 220) -> None:
        """Read the crops; with `held_out`, only the stills kept for measuring."""
        stills = read_labels(labels, "faces")
        kept = is_held_out(stills.rows) == held_out
        parts = [("faces", stills, np.nonzero(kept)[0])]
        if not held_out:
            train = read_labels(labels, "train")
            parts.append(("train", train, balanced(train, per_person)))
        crops, points, weights = [], [], []
        for name, rows, chosen in parts:
            stored = np.load(labels / f"{name}_crops.npy", mmap_mode="r")
            crops.append(np.stack([stored[r] for r in rows.rows[chosen]]))
            moved = np.einsum("nij,nkj->nki", rows.matrix[chosen][:, :, :2], rows.points[chosen])
            points.append(moved + rows.matrix[chosen][:, None, :, 2])
            weights.append(np.full(len(chosen), (0.65 if name == "faces" else 0.35) / len(chosen)))
        self.crops: Array = np.concatenate(crops)
        self.points: Array = np.concatenate(points).astype(np.float32)
        weight = np.concatenate(weights)
        self._chance = weight / weight.sum()

    def sample(self, rng: Rng) -> tuple[Array, Array]:
        """Draw one augmented crop uint8 (128, 128, 3) and its maps float32 (4, 64, 64)."""
        row = int(rng.choice(len(self.crops), p=self._chance))
        crop, points = moved(self.crops[row], self.points[row], jitter(rng))
        maps = region_maps(points)
        if rng.random() < 0.25:
            crop = side_light(rng, crop)
        crop = relight(rng, crop, 0.8)
        for _ in range(int(rng.choice([0, 0, 1, 1, 2, 3]))):
            near = points[rng.integers(0, 468)] + rng.normal(0, 14, 2)
            alpha = occlude(rng, crop, near, rng.uniform(8, 45))
            cover = cv2.resize(alpha, (MAP, MAP), interpolation=cv2.INTER_AREA)
            maps = maps * (1 - cover)
            maps[0] += cover
        return camera(rng, crop), maps

    def plain(self, row: int) -> tuple[Array, Array]:
        """Return a crop as the runtime cuts it, with its maps."""
        crop, points = moved(self.crops[row], self.points[row], np.eye(2, 3))
        return crop, region_maps(points)


def jitter(rng: Rng) -> Array:
    """A random similarity about the middle of the 128 px crop (landmarks are not exact), and mirror."""
    angle, scale = np.radians(rng.normal(0, 5)), np.exp(rng.normal(0, 0.07))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    stretch = np.exp(rng.normal(0, 0.05))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    linear = turn @ np.diag([mirror * stretch, 1 / stretch])
    middle = np.full(2, (SIDE - 1) / 2)
    return np.hstack([linear, (middle - linear @ middle + rng.normal(0, 4, 2))[:, None]])


def moved(stored_bgr: Array, points: Array, matrix: Array) -> tuple[Array, Array]:
    """Apply a jitter to a stored crop (160, 160, 3) and its points; gives the 128 px crop."""
    whole = np.hstack([matrix[:, :2], (matrix[:, 2] - matrix[:, :2] @ np.full(2, MARGIN))[:, None]])
    crop = cv2.warpAffine(
        stored_bgr, whole, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return crop, points @ whole[:, :2].T + whole[:, 2]
