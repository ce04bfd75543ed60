"""Face crops with the classes of a face parser, drawn from the landmark teacher's mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.light import camera, relight, side_light
from training.data.occluders import occlude
from training.data.sources import Face, mesh_box
from training.detector.scenes import OVAL
from training.segmenter.regions import INNER_LIPS, OUTER_LIPS

Array = npt.NDArray[Any]
Rng = np.random.Generator

SKIN, BROWS, EYES, NOSE, MOUTH, UPPER_LIP, LOWER_LIP = 1, (2, 3), (4, 5), 10, 11, 12, 13
DRAWN = (0, SKIN, *BROWS, *EYES, NOSE, MOUTH, UPPER_LIP, LOWER_LIP)
NOSE_LINE = np.array([168, 245, 174, 198, 129, 98, 97, 2, 326, 327, 358, 420, 399, 465])
BROW_LINES = (
    np.array([70, 63, 105, 66, 107, 55, 65, 52, 53, 46]),
    np.array([300, 293, 334, 296, 336, 285, 295, 282, 283, 276]),
)
EYE_LINES = (
    np.array([33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246]),
    np.array([263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466]),
)
HALF = 10  # of a lip line: its points up to the far corner
UPPER_LINE = np.concatenate([OUTER_LIPS[HALF:], OUTER_LIPS[:1], INNER_LIPS[:1], INNER_LIPS[: HALF - 1 : -1]])
LOWER_LINE = np.concatenate([OUTER_LIPS[: HALF + 1], INNER_LIPS[HALF::-1]])


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """A crop uint8 (S, S, 3) BGR and its classes uint8 (S, S), numbered as in CelebAMask-HQ."""

    crop_bgr: Array
    classes: Array


def class_map(points: Array, side: int) -> Array:
    """Draw the teacher's polygons.

    Hair, ears, neck and what is worn are no part of the mesh: they are background here. Of a pair, the one further
    left in the picture has the lower number.

    Args:
        points: mesh (468, 2) in pixels of the crop.
        side: of the crop.

    Returns:
        uint8 (side, side), classes of `DRAWN`.
    """
    classes = np.zeros((side, side), np.uint8)

    def draw(line: Array, number: int) -> None:
        cv2.fillPoly(classes, [np.round(points[line] * 16).astype(np.int32)], number, cv2.LINE_8, 4)

    draw(OVAL, SKIN)
    draw(NOSE_LINE, NOSE)
    for lines, numbers in ((BROW_LINES, BROWS), (EYE_LINES, EYES)):
        for line, number in zip(sorted(lines, key=lambda p: points[p, 0].mean()), numbers, strict=True):
            draw(line, number)
    draw(INNER_LIPS, MOUTH)
    draw(UPPER_LINE, UPPER_LIP)
    draw(LOWER_LINE, LOWER_LIP)
    return classes


def plain(face: Face, side: int) -> Parsed:
    """Cut a face as the runtime does for the published parser: its box, stretched to a square."""
    height, width = face.image_bgr.shape[:2]
    box = mesh_box(face.points)
    x1, y1 = np.maximum(box[:2].astype(int), 0)
    x2, y2 = np.minimum(box[2:].astype(int), (width, height))
    scale = side / np.array([x2 - x1, y2 - y1])
    crop = cv2.resize(np.ascontiguousarray(face.image_bgr[y1:y2, x1:x2]), (side, side))
    points = (face.points + 0.5 - (x1, y1)) * scale - 0.5
    return Parsed(np.asarray(crop), class_map(points, side))


def augmented(rng: Rng, face: Face, side: int) -> Parsed:
    """Cut a face with a box that is off, turned, mirrored, relit and partly covered (covered is background)."""
    image, points = _halved(face, side)
    box = mesh_box(points)
    size = box[2:] - box[:2]
    low, high = box[:2] - rng.normal(0.03, 0.06, 2) * size, box[2:] + rng.normal(0.03, 0.06, 2) * size
    angle = np.radians(rng.normal(0, 6))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = np.diag(side / (high - low)) @ turn @ np.diag([mirror, 1.0])
    shift = np.full(2, (side - 1) / 2) - linear @ ((low + high) / 2)
    matrix = np.hstack([linear, shift[:, None]])
    crop = cv2.warpAffine(
        image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    moved = points @ linear.T + shift
    classes = class_map(moved, side)
    if rng.random() < 0.2:
        crop = side_light(rng, crop)
    crop = relight(rng, np.asarray(crop), 0.8)
    if rng.random() < 0.3:
        alpha = occlude(rng, crop, moved[rng.integers(0, 468)], side * rng.uniform(0.05, 0.25))
        classes[alpha > 0.5] = 0
    return Parsed(camera(rng, crop), classes)


def _halved(face: Face, side: int) -> tuple[Array, Array]:
    """Halve the picture while the crop is less than half as large, so that nothing aliases."""
    image, points = face.image_bgr, face.points
    while float(np.ptp(points[:, 1])) > 2 * side:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        points = (points + 0.5) / 2 - 0.5
    return image, points
