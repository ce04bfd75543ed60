"""Training frames for the detector: labelled faces at any size, place, turn and light on any background."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.light import camera, relight, side_light
from training.data.occluders import occlude
from training.data.sources import Face, five_points, mesh_box
from training.detector.backgrounds import background, distract

Array = npt.NDArray[Any]
Rng = np.random.Generator

MAX_FACES = 4
OVAL = np.array(
    [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
     149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A training frame: uint8 (H, W, 3) BGR, boxes float32 (n, 4) xyxy, landmarks float32 (n, 5, 2)."""

    frame_bgr: Array
    boxes: Array
    landmarks: Array


@dataclass(slots=True, eq=False)
class _Draft:
    canvas: Array
    boxes: list[Array] = field(default_factory=list)
    landmarks: list[Array] = field(default_factory=list)


class SceneMaker:
    """Composes training frames from a bank of faces.

    `whole` and `empty` are the shares of frames that are a whole picture and that show no face.
    """

    def __init__(self, faces: list[Face], seed: int, whole: float = 0.4, empty: float = 0.12) -> None:
        """Keep the faces and the patches of their pictures that show none."""
        self._faces = faces
        self._rng = np.random.default_rng(seed)
        self._whole, self._empty = whole, empty

    def __call__(self, side: int, smallest: float, largest: float) -> Scene:
        """Make one square frame with faces whose height is between `smallest` and `largest` pixels."""
        rng = self._rng
        draft = _Draft(background(rng, self._faces, side))
        if rng.random() < 0.75:
            distract(rng, self._faces, draft.canvas)
        draw = rng.random()
        if draw < self._whole:
            self._paste(draft, _height(rng, max(smallest, 16), largest), whole=True)
        if draw < 1 - self._empty:
            for _ in range(int(rng.choice([0, 1, 1, 1, 2, 3])) + (draw >= self._whole)):
                if len(draft.boxes) < MAX_FACES:
                    self._paste(draft, _height(rng, smallest, largest), whole=False)
        elif rng.random() < 0.7:
            for _ in range(int(rng.integers(1, 4))):
                occlude(rng, draft.canvas, rng.uniform(0, side, 2), side * rng.uniform(0.05, 0.4))
        self._cover(draft)
        frame = relight(rng, draft.canvas)
        if rng.random() < 0.2:
            frame = side_light(rng, frame)
        frame = camera(rng, frame, 0.6 if smallest < 24 else 1.0)
        boxes = np.array(draft.boxes, np.float32).reshape(-1, 4)
        return Scene(frame, boxes, np.array(draft.landmarks, np.float32).reshape(-1, 5, 2))

    def _cover(self, draft: _Draft) -> None:
        """Put something in front of some of the faces, leaving most of each to be seen."""
        rng = self._rng
        for box in draft.boxes:
            if rng.random() < 0.25:
                size = float(box[3] - box[1])
                centre = (box[:2] + box[2:]) / 2 + rng.uniform(-0.6, 0.6, 2) * size
                occlude(rng, draft.canvas, centre, size * rng.uniform(0.1, 0.3))

    def _paste(self, draft: _Draft, height: float, whole: bool) -> None:
        rng = self._rng
        face = self._faces[int(rng.integers(len(self._faces)))]
        side = draft.canvas.shape[0]
        for _ in range(6):
            matrix = _placement(rng, face.points, height, side)
            points = face.points @ matrix[:, :2].T + matrix[:, 2]
            box = mesh_box(points)
            if _visible(box, side) > 0.72 and not any(_near(box, other) for other in draft.boxes):
                break
        else:
            return
        picture, matrix = _level(face.image_bgr, matrix)
        patch = cv2.warpAffine(
            picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (np.array(picture.shape[1::-1]) - 1)
        frame = corners @ matrix[:, :2].T + matrix[:, 2]
        mask = self._mask(side, points, frame, whole)
        if not whole and rng.random() < 0.6:
            patch = relight(rng, patch, 0.7)
        alpha = mask.astype(np.float32)[..., None] / 255
        draft.canvas[:] = (draft.canvas + (patch.astype(np.float32) - draft.canvas) * alpha + 0.5).astype(
            np.uint8
        )
        draft.boxes.append(box)
        landmarks = five_points(points)
        # mirrored: left and right change names
        if matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0] < 0:
            landmarks = landmarks[[1, 0, 2, 4, 3]]
        draft.landmarks.append(landmarks)

    def _mask(self, side: int, points: Array, frame: Array, whole: bool) -> Array:
        rng = self._rng
        mask: Array = np.zeros((side, side), np.uint8)
        centre = points[OVAL].mean(0)
        height = float(np.ptp(points[:, 1]))
        if whole:
            cv2.fillConvexPoly(mask, _fixed(frame), 255, cv2.LINE_AA, 4)
            return mask
        limits = np.zeros_like(mask)
        cv2.fillConvexPoly(limits, _fixed(frame), 255, cv2.LINE_AA, 4)
        shape = rng.random()
        if shape < 0.5:  # the face, with more or less of the hair
            grow = rng.uniform(1.0, 1.6)
            cv2.fillPoly(mask, [_fixed(centre + (points[OVAL] - centre) * grow)], 255, cv2.LINE_AA, 4)
        elif shape < 0.8:  # a head-like ellipse
            axes = (int(height * rng.uniform(0.5, 0.9)), int(height * rng.uniform(0.6, 1.1)))
            cv2.ellipse(
                mask, tuple(int(v) for v in centre), axes, rng.uniform(-20, 20), 0, 360, 255, -1, cv2.LINE_AA
            )
        else:  # a picture in the picture
            half = height * rng.uniform(0.6, 1.2, 2)
            cv2.rectangle(
                mask,
                tuple(np.int32(centre - half).tolist()),
                tuple(np.int32(centre + half).tolist()),
                255,
                -1,
            )
        if rng.random() < 0.7:
            mask = cv2.GaussianBlur(mask, (0, 0), max(0.4, height * rng.uniform(0.01, 0.06)))
        return np.minimum(mask, limits)


def _height(rng: Rng, smallest: float, largest: float) -> float:
    return float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))


def _placement(rng: Rng, points: Array, height: float, side: int) -> Array:
    """Return a random turn, stretch, mirror and shift, float64 (2, 3), to about this height."""
    angle = rng.normal(0, np.radians(13)) if rng.random() < 0.8 else rng.uniform(-0.6, 0.6)
    stretch = np.exp(rng.normal(0, 0.05))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([mirror * stretch, 1 / stretch])
    placed = points @ linear.T
    linear *= height / float(np.ptp(placed[:, 1]))
    low, high = (points @ linear.T).min(0), (points @ linear.T).max(0)
    edge = 0.15 * height
    room = np.maximum(side - (high - low) + 2 * edge, 1)
    shift = -low - edge + rng.uniform(0, 1, 2) * room
    if height > 0.8 * side:  # large faces: near the middle
        shift = (side - (high + low)) / 2 + rng.normal(0, 0.06 * side, 2)
    return np.hstack([linear, shift[:, None]])


def _level(image: Array, matrix: Array) -> tuple[Array, Array]:
    """Halve the picture while it is shrunk by more than that, so that nothing aliases."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    while scale < 0.6:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        matrix = np.hstack([matrix[:, :2] * 2, matrix[:, 2:] + matrix[:, :2] @ np.full((2, 1), 0.5)])
        scale *= 2
    return image, matrix


def _visible(box: Array, side: int) -> float:
    inside = np.clip(box, 0, side)
    area = (inside[2] - inside[0]) * (inside[3] - inside[1])
    return float(area / max((box[2] - box[0]) * (box[3] - box[1]), 1e-6))


def _near(a: Array, b: Array) -> bool:
    """Tell whether two faces touch (their heads would cover each other)."""
    grow = 0.15 * max(a[3] - a[1], b[3] - b[1])
    return bool((a[:2] - grow < b[2:]).all() and (b[:2] - grow < a[2:]).all())


def _fixed(polygon: Array) -> Array:
    """Points as int32 with four fractional bits, for OpenCV's anti-aliased drawing."""
    return np.round(polygon * 16).astype(np.int32)
