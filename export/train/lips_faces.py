"""Training faces for the hand: a reference with one mouth, the same face's target with another, and the code between.

Four kinds. *pair*: two frames of one clip, the reference laid on the target's pose. *drive*: a still whose mesh is
moved by a code of the corpus; there is no picture of the result, but flow and mask are known. *close*: a still with an
open mouth is the target, and its reference is the same still with the mouth warped to another code, mostly shut: that
teaches teeth and tongues of hundreds of people. *shut*: the other way round, an open mouth that must close.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from export.train import lips_shape as shape
from export.train.labels import CROP_SIDE
from export.train.lips_shape import ShapeModel

Array = npt.NDArray[Any]

SIDE = 128
MAX_YAW = 32.0
OPEN = 0.075  # of the eye distance: a still this open can be a target
MOVING = list(shape.MOVING)
STILL = [i for i in (10, 67, 297, 103, 332, 9, 8, 168, 6, 197, 195, 5, 33, 133, 362, 263, 70, 300, 105, 334, 159, 386,
                     145, 374, 226, 446, 127, 356, 162, 389, 4, 48, 278, 234, 454)]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One training example at 128 px.

    Attributes:
        reference: uint8 (128, 128, 3) BGR, what the network sees.
        target: uint8 (128, 128, 3) BGR, or the reference again where there is no picture of the result.
        code: float32 (8,).
        to: float32 (k, 2), where the points of `MOVING` + `STILL` are in the target, in pixels.
        come_from: float32 (k, 2), where they are in the reference.
        mask: float32 (128, 128), the inside of the target's mouth.
        pictured: whether `target` shows the result.
    """

    reference: Array
    target: Array
    code: Array
    to: Array
    come_from: Array
    mask: Array
    pictured: bool


class Faces:
    """Everything that is labelled, and how examples are drawn from it."""

    def __init__(self, labels: Path, model: ShapeModel, seed: int) -> None:
        self.model = model
        self.rng = np.random.default_rng(seed)
        self._read_clips(labels)
        self._read_stills(labels)

    def _read_clips(self, labels: Path) -> None:
        with np.load(labels / "train.npz") as data:
            good = np.flatnonzero((data["score"] > 0.9) & (np.abs(data["pose"][:, 0]) < MAX_YAW))
            points = data["points"][good][:, :, :2].astype(np.float64)
            clip, matrix, paths = data["clip"][good], data["matrix"][good], data["paths"]
        speaker = np.array([str(p).split("/")[1] for p in paths])[clip]
        names, inverse, count = np.unique(speaker, return_inverse=True, return_counts=True)
        _, self.codes = shape.fit_shape(points, clip, 1 / np.sqrt(count[inverse]))
        self.gaps = shape.gap(points)
        self.points = shape.apply(matrix.astype(np.float64), points).astype(np.float32)
        self.rows = good
        self.clip = clip
        self.crops = np.load(labels / "train_crops.npy", mmap_mode="r")
        self.of_speaker = [np.flatnonzero(speaker == name) for name in names]
        self.of_clip = {int(c): np.flatnonzero(clip == c) for c in np.unique(clip)}
        share = np.sqrt(count)
        self.share = share / share.sum()

    def _read_stills(self, labels: Path) -> None:
        with np.load(labels / "faces.npz") as data:
            yaw = np.abs(data["pose"][:, 0])
            large = np.hypot(*(data["points"][:, 263, :2] - data["points"][:, 33, :2]).T) > 40
            good = np.flatnonzero((data["score"] > 0.95) & (yaw < MAX_YAW) & large)
            points = data["points"][good][:, :, :2].astype(np.float64)
            matrix = data["matrix"][good].astype(np.float64)
        crops = np.load(labels / "faces_crops.npy", mmap_mode="r")
        self.still_crops = np.asarray(crops[good])
        self.still_points = shape.apply(matrix, points).astype(np.float32)
        gaps = shape.gap(points)
        self.open_stills = np.flatnonzero(gaps > OPEN)
        print(
            f"{len(self.rows)} frames, {len(good)} stills, {len(self.open_stills)} of them open", flush=True
        )

    def draw(self) -> Sample:
        """Draw one example of any kind."""
        kind = self.rng.random()
        if kind < 0.35:
            return self._pair()
        if kind < 0.57:
            return self._drive()
        return self._close() if kind < 0.87 else self._shut()

    def _pair(self) -> Sample:
        rows = self.of_speaker[int(self.rng.choice(len(self.share), p=self.share))]
        target = int(rows[self.rng.integers(len(rows))])
        if self.rng.random() < 0.6:  # prefer wide open mouths: most frames are nearly shut
            others = rows[self.rng.integers(len(rows), size=5)]
            target = int(others[np.argmax(self.gaps[others])])
        same = self.of_clip[int(self.clip[target])]
        others = same[self.rng.integers(len(same), size=4)]
        reference = int(others[np.argmin(self.gaps[others])] if self.rng.random() < 0.5 else others[0])
        if self.rng.random() < 0.3:  # an open mouth that must close
            target, reference = reference, target
        rigid = list(shape.RIGID)
        lay = shape.similarity_batch(self.points[reference][rigid], self.points[target][rigid])
        view = self._view()
        to = shape.apply(view, self.points[target])
        seen = self._compose(view, lay)
        come_from = shape.apply(seen, self.points[reference])
        pictures = [
            self._cut(self.crops[self.rows[reference]], seen),
            self._cut(self.crops[self.rows[target]], view),
        ]
        return self._finish(pictures, self.codes[target], to, come_from, pictured=True)

    def _drive(self) -> Sample:
        i = int(self.rng.integers(len(self.still_points)))
        view = self._view()
        come_from = shape.apply(view, self.still_points[i])
        code = self._some_code() * np.float32(self.rng.random() < 0.75)
        to = self._moved(come_from, code - self.model.code_of_open(self.still_points[i]))
        picture = self._cut(self.still_crops[i], view)
        return self._finish([picture, picture], code, to, come_from, pictured=False)

    def _close(self) -> Sample:
        i = int(self.open_stills[self.rng.integers(len(self.open_stills))])
        view = self._view()
        to = shape.apply(view, self.still_points[i])
        code = self.model.code_of_open(self.still_points[i])
        other = np.zeros_like(code) if self.rng.random() < 0.6 else self._some_code()
        come_from = self._moved(to, other - code)
        target = self._cut(self.still_crops[i], view)
        reference = cv2.remap(
            target, *carry(come_from, to), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return self._finish([reference, target], code, to, come_from, pictured=True)

    def _shut(self) -> Sample:
        i = int(self.open_stills[self.rng.integers(len(self.open_stills))])
        view = self._view()
        come_from = shape.apply(view, self.still_points[i])
        own = self.model.code_of_open(self.still_points[i])
        code = own * np.float32(max(0.0, self.rng.uniform(-0.6, 0.5)))
        to = self._moved(come_from, code - own)
        reference = self._cut(self.still_crops[i], view)
        target = cv2.remap(
            reference, *carry(to, come_from), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return self._finish([reference, target], code, to, come_from, pictured=True)

    def _some_code(self) -> Array:
        rows = self.of_speaker[int(self.rng.integers(len(self.of_speaker)))]
        some = rows[self.rng.integers(len(rows), size=3)]
        best = some[np.argmax(self.gaps[some])] if self.rng.random() < 0.5 else some[0]
        return np.asarray(self.codes[best] * np.float32(self.rng.uniform(0.8, 1.5)), np.float32)

    def _moved(self, points: Array, code: Array) -> Array:
        """Move a mesh (468, 2) by a difference of codes; a mouth cannot shut further than shut."""
        eyes = points[shape.EYES[1]] - points[shape.EYES[0]]
        turn = np.array([[eyes[0], -eyes[1]], [eyes[1], eyes[0]]], np.float64)
        out = points.copy()
        out[MOVING] += self.model.displacement(code) @ turn.T
        upper, lower = out[list(shape.UPPER_INNER)], out[list(shape.LOWER_INNER)]
        over = np.minimum((lower - upper)[:, 1], 0)[:, None] * [0, 0.5]
        out[list(shape.UPPER_INNER)] += over
        out[list(shape.LOWER_INNER)] -= over
        return out

    def _view(self) -> Array:
        """Return a jittered matrix, stored crop → 128 px."""
        angle = np.radians(self.rng.uniform(-7, 7))
        scale = self.rng.uniform(0.92, 1.08)
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        linear = np.array([[cos, -sin], [sin, cos]])
        centre = np.full(2, SIDE / 2 - 0.5) + self.rng.uniform(-0.04, 0.04, 2) * SIDE
        return np.hstack([linear, (centre - linear @ np.full(2, CROP_SIDE / 2 - 0.5))[:, None]])

    def _compose(self, outer: Array, inner: Array) -> Array:
        whole = np.vstack([outer, [0, 0, 1]]) @ np.vstack([inner, [0, 0, 1]])
        return np.asarray(whole[:2])

    def _cut(self, crop: Array, matrix: Array) -> Array:
        size, border = (SIDE, SIDE), cv2.BORDER_REPLICATE
        return cv2.warpAffine(np.asarray(crop), matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)

    def _finish(
        self, pictures: list[Array], code: Array, to: Array, come_from: Array, *, pictured: bool
    ) -> Sample:
        mask = np.zeros((SIDE, SIDE), np.uint8)
        polygon = np.round(to[list(shape.INNER)] * 16 + 8).astype(np.int32)
        cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA, 4)
        apart = to[list(shape.LOWER_INNER)] - to[list(shape.UPPER_INNER)]
        if apart[:, 1].mean() > 2:  # the seam of the lips lies on the rim: cover it, or it is stretched
            mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
        reference, target = self._recolour(pictures)
        points = MOVING + STILL
        return Sample(
            reference,
            target,
            code.astype(np.float32),
            to[points].astype(np.float32),
            come_from[points].astype(np.float32),
            cv2.GaussianBlur(mask, (0, 0), 0.6).astype(np.float32) / 255,
            pictured,
        )

    def _recolour(self, pictures: list[Array]) -> list[Array]:
        """Change light, colour and sharpness of reference and target alike."""
        rng = self.rng
        gain = rng.uniform(0.6, 1.35) * rng.uniform(0.88, 1.12, 3)
        gamma = rng.uniform(0.7, 1.4)
        table = (255 * np.clip(np.linspace(0, 1, 256)[:, None] ** gamma * gain, 0, 1)).astype(np.uint8)
        grey, shrink = rng.random() < 0.12, rng.uniform(0.35, 0.9) if rng.random() < 0.35 else 1.0
        out = []
        for picture in pictures:
            image = cv2.LUT(picture, table.reshape(1, 256, 3))
            if grey:
                image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
            if shrink < 1:
                small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
                image = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
            out.append(image)
        return out

    def batch(self, size: int) -> dict[str, Tensor]:
        """Return `size` examples as tensors, by the names of `Sample`; pictures are (B, 3, 128, 128), 0…1."""
        samples = [self.draw() for _ in range(size)]

        def picture(name: str) -> Tensor:
            stack = np.stack([getattr(s, name) for s in samples]).transpose(0, 3, 1, 2)
            return torch.from_numpy(np.ascontiguousarray(stack)).float() / 255

        def numbers(name: str) -> Tensor:
            return torch.from_numpy(np.stack([getattr(s, name) for s in samples]))

        return {
            "reference": picture("reference"),
            "target": picture("target"),
            **{name: numbers(name) for name in ("code", "to", "come_from")},
            "mask": numbers("mask")[:, None],
            "pictured": torch.tensor([float(s.pictured) for s in samples]),
        }


def carry(at: Array, come_from: Array) -> tuple[Array, Array]:
    """Return a dense map, float32 (128, 128) x and y: at points `at` the picture of `come_from` is shown.

    Displacements of the mesh's moving and still points are spread by two Gaussians, one narrow, one wide.
    """
    points = MOVING + STILL
    where, by = at[points].astype(np.float32), (come_from - at)[points].astype(np.float32)
    step = 2
    axis = np.arange(0, SIDE, step, dtype=np.float32) + (step - 1) / 2
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    square = ((grid**2).sum(1)[:, None] + (where**2).sum(1)) - 2 * grid @ where.T
    weight = sum(
        share * np.exp(-square / (2 * wide**2)) for share, wide in ((1, 1.7), (0.02, 6.0), (1e-5, 20.0))
    )
    field = (weight @ by) / (weight.sum(1, keepdims=True) + 1e-7)
    side = SIDE // step
    full = cv2.resize(field.reshape(side, side, 2), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    return x + full[..., 0], y + full[..., 1]
