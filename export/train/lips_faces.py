"""Training faces for the hand: a reference with one mouth, the same face's target with another, and the code between.

Five kinds. *pair*: two frames of one clip, the reference laid on the target's pose. *drive*: a still, or a frame of
a clip, whose mesh is moved by a code of the corpus; there is no picture of the result, but flow and mask are known.
*close*: a still with an open mouth is the target, and its reference is the same still with the mouth warped to another
code, mostly shut: that teaches teeth and tongues of hundreds of people. *shut*: the other way round, an open mouth
that must close. *redrive*: an open mouth that was partly shut, or opened wider, by warping is the reference, and moves
on from there: hundreds of people with every opening.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from export.train import lips_seal
from export.train import lips_shape as shape
from export.train import lips_views as views
from export.train.labels import crop_still
from export.train.lips_samples import Sample, tensors
from export.train.lips_shape import ShapeModel
from export.train.lips_views import MOVING, STILL

Array = npt.NDArray[Any]

MAX_YAW = 32.0
MAX_YAW_STILL = 42.0
SEALED = 0.75  # how often the reference of an open mouth is a shut one
REAL_SHUT = 0.2  # how often the real mouth that the judge sees is shut
OPEN = 0.075  # of the eye distance: a still this open can be a target
FINE_CROPS = "faces_crops_fine.npy"


class Faces:
    """Everything that is labelled, and how examples are drawn from it."""

    def __init__(self, corpus: Path, labels: Path, model: ShapeModel, seed: int) -> None:
        self.model = model
        self.rng = np.random.default_rng(seed)
        self._read_clips(labels)
        self._read_stills(corpus, labels)
        self.kinds = (
            (0.18, self._drive_frame),
            (0.14, self._drive),
            (0.10, self._redrive),
            (0.26, self._close),
            (0.14, self._shut),
        )  # what is left are pairs

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

    def _read_stills(self, corpus: Path, labels: Path) -> None:
        with np.load(labels / "faces.npz") as data:
            yaw = data["pose"][:, 0]
            size = np.hypot(*(data["points"][:, 263, :2] - data["points"][:, 33, :2]).T)
            good = np.flatnonzero((data["score"] > 0.95) & (np.abs(yaw) < MAX_YAW_STILL) & (size > 40))
            points = data["points"][good][:, :, :2].astype(np.float64)
            matrix = data["matrix"].astype(np.float64)
            paths = [str(data["paths"][i]) for i in data["clip"]]
        if not (labels / FINE_CROPS).is_file():
            fine = np.stack(
                [crop_still(corpus / path, matrix[i], views.FINE) for i, path in enumerate(paths)]
            )
            np.save(labels / FINE_CROPS, fine)
        self.still_rows = good
        self.still_crops = np.load(labels / FINE_CROPS, mmap_mode="r")
        self.still_points = shape.apply(matrix[good], points).astype(np.float32)
        self.still_yaw = yaw[good]
        self.still_sharp = size[good] > 85
        gaps = shape.gap(points)
        self.open_stills = np.flatnonzero(gaps > OPEN)
        self.sharp_open_stills = np.flatnonzero((gaps > OPEN) & self.still_sharp)
        self.shut_stills = np.flatnonzero((gaps < shape.CLOSED) & self.still_sharp)
        print(
            f"{len(self.rows)} frames, {len(good)} stills, {len(self.open_stills)} of them open", flush=True
        )

    def draw(self) -> Sample:
        """Draw one example of any kind."""
        kind = self.rng.random()
        for share, make in self.kinds:
            kind -= share
            if kind < 0:
                return make()
        return self._pair()

    def _pair(self) -> Sample:
        rows = self.of_speaker[int(self.rng.choice(len(self.share), p=self.share))]
        target = int(rows[self.rng.integers(len(rows))])
        if self.rng.random() < 0.6:  # prefer wide open mouths: most frames are nearly shut
            others = rows[self.rng.integers(len(rows), size=5)]
            target = int(others[np.argmax(self.gaps[others])])
        same = self.of_clip[int(self.clip[target])]
        others = same[self.rng.integers(len(same), size=4)]
        reference = int(others[np.argmin(self.gaps[others])] if self.rng.random() < 0.5 else others[0])
        if self.rng.random() < 0.4:  # an open mouth that must close
            target, reference = reference, target
        rigid = list(shape.RIGID)
        lay = shape.similarity_batch(self.points[reference][rigid], self.points[target][rigid])
        view = views.view(self.rng)
        seen = views.after(view, lay)
        to, come_from = shape.apply(view, self.points[target]), shape.apply(seen, self.points[reference])
        pictures = (
            views.cut(self.crops[self.rows[reference]], seen),
            views.cut(self.crops[self.rows[target]], view),
        )
        codes = self.codes[target], self.codes[reference]
        return self._finish(pictures, codes, to, come_from, pictured=True, sharp=False)

    def _still(self, i: int) -> tuple[Array, Array]:
        """Return a still's fine view and its mesh there, in crop pixels."""
        view = views.view(self.rng)
        return views.cut(self.still_crops[self.still_rows[i]], view), shape.apply(view, self.still_points[i])

    def _drive(self) -> Sample:
        of = self.open_stills if self.rng.random() < 0.5 else np.arange(len(self.still_points))
        i = int(of[self.rng.integers(len(of))])
        picture, come_from = self._still(i)
        code = self._some_code() * np.float32(self.rng.random() < 0.8)
        own = self.model.code_of_open(self.still_points[i])
        to = self._moved(i, come_from, code - own)
        return self._finish((picture, picture), (code, own), to, come_from, pictured=False, sharp=False)

    def _drive_frame(self) -> Sample:
        rows = self.of_speaker[int(self.rng.choice(len(self.share), p=self.share))]
        some = rows[self.rng.integers(len(rows), size=3)]
        row = int(some[np.argmax(self.gaps[some])])  # mostly open: an open mouth must obey as a shut one does
        view = views.view(self.rng)
        come_from = shape.apply(view, self.points[row])
        code = self._some_code() * np.float32(self.rng.random() < 0.8)
        to = views.moved(come_from, self.model.displacement(code - self.codes[row]), 0.0)
        picture = views.cut(self.crops[self.rows[row]], view)
        codes = code, self.codes[row]
        return self._finish((picture, picture), codes, to, come_from, pictured=False, sharp=False)

    def _close(self) -> Sample:
        i = int(self.open_stills[self.rng.integers(len(self.open_stills))])
        target, to = self._still(i)
        code = self.model.code_of_open(self.still_points[i])
        if self.rng.random() < SEALED:
            other = np.zeros_like(code)
            come_from = lips_seal.sealed(self._moved(i, to, -code))
            reference = lips_seal.shut_picture(target, come_from, to, self.rng)
        else:
            other = self._some_code()
            come_from = self._moved(i, to, other - code)
            reference = views.carried(target, come_from, to)
        sharp = bool(self.still_sharp[i])
        return self._finish((reference, target), (code, other), to, come_from, pictured=True, sharp=sharp)

    def _redrive(self) -> Sample:
        i = int(self.open_stills[self.rng.integers(len(self.open_stills))])
        picture, at = self._still(i)
        seen, come_from, reference = self._opened(i, picture, at, float(self.rng.uniform(0, 1)))
        code = self._some_code() * np.float32(self.rng.random() < 0.7)
        to = self._moved(i, come_from, code - seen)
        return self._finish((reference, reference), (code, seen), to, come_from, pictured=False, sharp=False)

    def _shut(self) -> Sample:
        i = int(self.open_stills[self.rng.integers(len(self.open_stills))])
        picture, at = self._still(i)
        own = self.model.code_of_open(self.still_points[i])
        seen, come_from, reference = self._opened(i, picture, at, 1.0)
        code = own * np.float32(max(0.0, self.rng.uniform(-0.6, 0.5)))
        to = self._moved(i, at, code - own)
        if code.any():
            target = views.carried(picture, to, at)
        else:
            to = lips_seal.sealed(to)
            target = lips_seal.shut_picture(picture, to, at, self.rng)
        return self._finish((reference, target), (code, seen), to, come_from, pictured=True, sharp=False)

    def _opened(self, i: int, picture: Array, at: Array, keep: float) -> tuple[Array, Array, Array]:
        """Open a still's mouth wider, mostly as speech does, after keeping a part of its own opening.

        Returns:
            The mouth's code, its mesh, and the picture.
        """
        own = self.model.code_of_open(self.still_points[i])
        seen = own * np.float32(keep)
        if self.rng.random() < 0.5:
            seen = seen + self._some_code() * np.float32(self.rng.uniform(0, 1))
        if np.array_equal(seen, own):
            return own, at, picture
        come_from = self._moved(i, at, seen - own)
        return seen, come_from, views.carried(picture, come_from, at)

    def real(self) -> tuple[Array, Array]:
        """Return a real mouth, mostly open: its window, uint8 (128, 128, 3), and mask, float32 (128, 128)."""
        shut = self.rng.random() < REAL_SHUT
        of = self.shut_stills if shut else self.sharp_open_stills
        picture, points = self._still(int(of[self.rng.integers(len(of))]))
        mask = lips_seal.band(points, self.rng.uniform(3, 9)) if shut else views.mouth_mask(points)
        return views.window(views.recolour([picture], self.rng)[0]), mask

    def _some_code(self) -> Array:
        rows = self.of_speaker[int(self.rng.integers(len(self.of_speaker)))]
        some = rows[self.rng.integers(len(rows), size=3)]
        best = some[np.argmax(self.gaps[some])] if self.rng.random() < 0.6 else some[0]
        return np.asarray(self.codes[best] * np.float32(self.rng.uniform(0.7, 1.8)), np.float32)

    def _moved(self, still: int, points: Array, code: Array) -> Array:
        return views.moved(points, self.model.displacement(code), float(self.still_yaw[still]))

    def _finish(
        self,
        pictures: tuple[Array, Array],
        codes: tuple[Array, Array],
        to: Array,
        come_from: Array,
        *,
        pictured: bool,
        sharp: bool,
    ) -> Sample:
        reference, target = views.recolour(list(pictures), self.rng)
        points = MOVING + STILL
        return Sample(
            reference,
            views.window(target),
            *(np.asarray(code, np.float32) for code in codes),
            to[points].astype(np.float32),
            come_from[points].astype(np.float32),
            np.maximum(views.mouth_mask(to), lips_seal.cover(to, come_from)),
            pictured,
            sharp,
        )

    def batch(self, size: int) -> dict[str, Tensor]:
        """Return `size` examples as tensors, by the names of `Sample`, pictures as (B, 3, h, w), 0…1.

        `reference` is what the network sees, (B, 3, 128, 128); `real` and `real_mask` are real open mouths.
        """
        samples = [self.draw() for _ in range(size)]
        return tensors(samples, [self.real() for _ in range(size)])
