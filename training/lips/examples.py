"""Training faces for the mouth renderer: a face with one mouth, the same with another, and their coefficients.

Six kinds. *pair*: two frames of one clip, the reference laid on the target's pose. *same*: a picture and what it
shows already: nothing may move. *drive*: a still, or a frame of a
clip, whose mesh is moved by coefficients of the corpus; there is no picture of the result, but flow and mask are
known. *close*: a still with an open mouth is the target, and its reference is the same still with the mouth warped to
other coefficients, mostly shut: that teaches teeth and tongues of hundreds of people. *shut*: the other way round, an
open mouth that must close. *redrive*: an open mouth that was partly shut, or opened wider, by warping is the
reference, and moves on from there: hundreds of people with every opening.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from training.lips import coefficients as shape
from training.lips import seal, views
from training.lips.asking import Asking
from training.lips.coefficients import ShapeModel
from training.lips.labelled import Frames, Stills
from training.lips.samples import Sample, tensors
from training.lips.views import MOVING, STILL

Array = npt.NDArray[Any]

SEALED = 0.75  # how often the reference of an open mouth is a shut one
# Of the real mouths that the discriminator sees: frames of clips speak and do not smile, some stills are shut.
WIDTH_PAIRS = 0.4  # of the pairs: the reference is the frame whose width differs most
REAL_FRAMES = 0.45
REAL_SHUT = 0.12


class Faces:
    """Everything that is labelled, and how examples are drawn from it."""

    def __init__(self, corpus: Path, labels: Path, model: ShapeModel, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.frames, self.stills = Frames.read(labels, model), Stills.read(corpus, labels)
        self.model = self.frames.model
        self.asking = Asking(self.frames, self.rng)
        counts = len(self.frames.rows), len(self.stills.rows), len(self.stills.open)
        print("{} frames, {} stills, {} of them open".format(*counts), flush=True)
        # what is left are pairs
        self.kinds = (
            (0.16, self._drive_frame),
            (0.14, self._drive),
            (0.08, self._redrive),
            (0.22, self._close),
            (0.16, self._shut),
            (0.06, self._same),
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
        rows = self.frames.of_speaker[int(self.rng.choice(len(self.frames.share), p=self.frames.share))]
        target = int(rows[self.rng.integers(len(rows))])
        if self.rng.random() < 0.6:  # prefer wide open mouths: most frames are nearly shut
            others = rows[self.rng.integers(len(rows), size=5)]
            target = int(others[np.argmax(self.frames.gaps[others])])
        same = self.frames.of_clip[int(self.frames.clip[target])]
        others = same[self.rng.integers(len(same), size=6)]
        draw = self.rng.random()
        if draw < WIDTH_PAIRS:  # spread to rounded, and back
            reference = int(others[np.argmax(np.abs(self.asking.width[others] - self.asking.width[target]))])
        else:
            reference = int(others[np.argmin(self.frames.gaps[others])] if draw < 0.7 else others[0])
        if self.rng.random() < 0.4:  # an open mouth that must close
            target, reference = reference, target
        rigid = list(shape.RIGID)
        lay = shape.similarity_batch(self.frames.points[reference][rigid], self.frames.points[target][rigid])
        view = views.view(self.rng)
        seen = views.after(view, lay)
        to = shape.apply(view, self.frames.points[target])
        come_from = shape.apply(seen, self.frames.points[reference])
        pictures = (
            views.cut(self.frames.crops[self.frames.rows[reference]], seen),
            views.cut(self.frames.crops[self.frames.rows[target]], view),
        )
        coefficients = self.frames.coefficients[target], self.frames.coefficients[reference]
        return self._finish(pictures, coefficients, to, come_from, pictured=True, sharp=False)

    def _still(self, i: int) -> tuple[Array, Array]:
        """Return a still's fine view and its mesh there, in crop pixels."""
        view = views.view(self.rng)
        picture = views.cut(self.stills.crops[self.stills.rows[i]], view)
        return picture, shape.apply(view, self.stills.points[i])

    def _drive(self) -> Sample:
        of = self.stills.open if self.rng.random() < 0.5 else np.arange(len(self.stills.points))
        i = int(of[self.rng.integers(len(of))])
        picture, come_from = self._still(i)
        wanted = self._some_coefficients() * np.float32(self.rng.random() < 0.8)
        own = self.model.coefficients_of_opening(self.stills.points[i])
        to = self._moved(i, come_from, wanted - own)
        sharp = bool(self.stills.sharp[i])
        return self._finish((picture, picture), (wanted, own), to, come_from, pictured=False, sharp=sharp)

    def _drive_frame(self) -> Sample:
        row, view = self._open_frame(), views.view(self.rng)
        come_from = shape.apply(view, self.frames.points[row])
        wanted = self._some_coefficients() * np.float32(self.rng.random() < 0.8)
        displacement = self.model.displacement(wanted - self.frames.coefficients[row])
        to = views.moved(come_from, displacement, float(self.frames.yaw[row]))
        picture = views.cut(self.frames.crops[self.frames.rows[row]], view)
        coefficients = wanted, self.frames.coefficients[row]
        return self._finish((picture, picture), coefficients, to, come_from, pictured=False, sharp=False)

    def _close(self) -> Sample:
        i = int(self.stills.open[self.rng.integers(len(self.stills.open))])
        target, to = self._still(i)
        wanted = self.model.coefficients_of_opening(self.stills.points[i])
        if self.rng.random() < SEALED:
            other = np.zeros_like(wanted)
            come_from = seal.sealed(self._moved(i, to, -wanted))
            reference = seal.shut_picture(target, come_from, to, self.rng)
        else:
            other = self._some_coefficients()
            come_from = self._moved(i, to, other - wanted)
            reference = views.carried(target, come_from, to)
        sharp = bool(self.stills.sharp[i])
        return self._finish((reference, target), (wanted, other), to, come_from, pictured=True, sharp=sharp)

    def _redrive(self) -> Sample:
        i = int(self.stills.open[self.rng.integers(len(self.stills.open))])
        picture, at = self._still(i)
        seen, come_from, reference = self._opened(i, picture, at, float(self.rng.uniform(0, 1)))
        wanted = self._some_coefficients() * np.float32(self.rng.random() < 0.7)
        to = self._moved(i, come_from, wanted - seen)
        sharp = bool(self.stills.sharp[i])
        return self._finish(
            (reference, reference), (wanted, seen), to, come_from, pictured=False, sharp=sharp
        )

    def _shut(self) -> Sample:
        i = int(self.stills.open[self.rng.integers(len(self.stills.open))])
        picture, at = self._still(i)
        own = self.model.coefficients_of_opening(self.stills.points[i])
        seen, come_from, reference = self._opened(i, picture, at, 1.0)
        wanted = own * np.float32(max(0.0, self.rng.uniform(-0.6, 0.5)))
        to = self._moved(i, at, wanted - own)
        if wanted.any():
            target = views.carried(picture, to, at)
        else:
            to = seal.sealed(to)
            target = seal.shut_picture(picture, to, at, self.rng)
        sharp = bool(self.stills.sharp[i])
        return self._finish((reference, target), (wanted, seen), to, come_from, pictured=True, sharp=sharp)

    def _same(self) -> Sample:
        if self.rng.random() < 0.5:
            row, view = self._open_frame(), views.view(self.rng)
            points = shape.apply(view, self.frames.points[row])
            picture = views.cut(self.frames.crops[self.frames.rows[row]], view)
            own, sharp = self.frames.coefficients[row], False
        else:
            i = int(self.rng.integers(len(self.stills.points)))
            picture, points = self._still(i)
            own = self.model.coefficients_of_opening(self.stills.points[i])
            sharp = bool(self.stills.sharp[i])
        return self._finish((picture, picture), (own, own), points, points, pictured=True, sharp=sharp)

    def _opened(self, i: int, picture: Array, at: Array, keep: float) -> tuple[Array, Array, Array]:
        """Open a still's mouth wider, mostly as speech does, after keeping a part of its own opening.

        Returns:
            The mouth's coefficients, its mesh, and the picture.
        """
        own = self.model.coefficients_of_opening(self.stills.points[i])
        seen = own * np.float32(keep)
        if self.rng.random() < 0.5:
            seen = seen + self._some_coefficients() * np.float32(self.rng.uniform(0, 1))
        if np.array_equal(seen, own):
            return own, at, picture
        come_from = self._moved(i, at, seen - own)
        return seen, come_from, views.carried(picture, come_from, at)

    def real(self) -> tuple[Array, Array, bool]:
        """Return a real mouth.

        Returns:
            Its window, uint8 (128, 128, 3); its mask, float32 (128, 128), of a shut one the line between the lips; and
            whether it holds detail at its full resolution.
        """
        draw, sharp = self.rng.random(), False
        if draw < REAL_FRAMES:
            row, view = self._open_frame(), views.view(self.rng)
            picture = views.cut(self.frames.crops[self.frames.rows[row]], view)
            points = shape.apply(view, self.frames.points[row])
        else:
            of = self.stills.shut if draw < REAL_FRAMES + REAL_SHUT else self.stills.open
            i = int(of[self.rng.integers(len(of))])
            picture, points = self._still(i)
            sharp = bool(self.stills.sharp[i])
        shut = seal.apart(points) < seal.SHUT and self.rng.random() < 0.5
        mask = seal.band(points, self.rng.uniform(3, 9)) if shut else views.mouth_mask(points)
        return views.window(views.recolour([picture], self.rng)[0]), mask, sharp

    def _open_frame(self) -> int:
        """Draw a frame of a clip, mostly with an open mouth: an open mouth must obey as a shut one does."""
        rows = self.frames.of_speaker[int(self.rng.choice(len(self.frames.share), p=self.frames.share))]
        some = rows[self.rng.integers(len(rows), size=3)]
        return int(some[np.argmax(self.frames.gaps[some])])

    def _some_coefficients(self) -> Array:
        return self.asking.draw()

    def _moved(self, still: int, points: Array, coefficients: Array) -> Array:
        return views.moved(points, self.model.displacement(coefficients), float(self.stills.yaw[still]))

    def _finish(
        self,
        pictures: tuple[Array, Array],
        coefficients: tuple[Array, Array],
        to: Array,
        come_from: Array,
        *,
        pictured: bool,
        sharp: bool,
    ) -> Sample:
        reference, target = views.recolour(list(pictures), self.rng)
        points = MOVING + STILL
        return Sample(
            fine=reference,
            target=views.window(target),
            coefficients=np.asarray(coefficients[0], np.float32),
            seen=np.asarray(coefficients[1], np.float32),
            later=np.asarray(coefficients[0] + self.asking.step(), np.float32),
            to=to[points].astype(np.float32),
            come_from=come_from[points].astype(np.float32),
            mask=np.maximum(views.mouth_mask(to), seal.cover(to, come_from)),
            pictured=pictured,
            sharp=sharp,
        )

    def batch(self, size: int) -> dict[str, Tensor]:
        """Return `size` examples as tensors, by the names of `Sample`, pictures as (B, 3, h, w), 0…1.

        `reference` is what the network sees, (B, 3, 128, 128); `real` and the like are real mouths.
        """
        samples = [self.draw() for _ in range(size)]
        return tensors(samples, [self.real() for _ in range(size)])
