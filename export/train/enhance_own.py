"""What our own lips leave of a mouth, beside the mouth itself: pairs for the enhancer.

A still with an open mouth is the sharp original. The same still with its mouth warped shut is the reference, from
which the trained hand paints the inside of the open mouth again. That paint is laid into the original, at the
resolution and by the steps of the run time: lips that were carried to nearly, not quite, the right place would teach
the enhancer to blur.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from export.train.fit import load_mean
from export.train.lips_faces import Faces
from export.train.lips_networks import Hand
from export.train.lips_shape import ShapeModel
from export.train.lips_views import SIDE
from export.train.sources import is_held_out
from lipsync_edge.models.spec import WHOLE_CROP
from lipsync_edge.render.enhance import compose_small
from lipsync_edge.render.lips import WarpMouth

Array = npt.NDArray[Any]


class OpenMouths(Faces):
    """Only sharp stills with an open mouth: those that train, or those that are kept for measuring."""

    def __init__(self, corpus: Path, labels: Path, model: ShapeModel, *, held_out: bool, seed: int) -> None:
        super().__init__(corpus, labels, model, seed)
        rows = self.still_rows[self.open_stills]
        chosen = self.still_sharp[self.open_stills] & (is_held_out(rows) == held_out)
        self.open_stills = self.open_stills[chosen]

    def pair(self) -> tuple[Array, Array, Array]:
        """Return reference uint8 (256, 256, 3), code float32 (8,) and the real mouth's window uint8 (128, 128, 3)."""
        sample = self._close()
        return sample.fine, sample.code, sample.target


class OwnOutput:
    """A trained hand that remakes mouths."""

    def __init__(self, folder: Path) -> None:
        """Read `folder`/hand."""
        self._hand = load_mean(Hand(), folder / "hand")

    @torch.no_grad()
    def __call__(self, reference_bgr: Array, code: Array, real_bgr: Array) -> Array:
        """Return the mouth's window as the enhancer will see it, uint8 (64, 64, 3).

        Args:
            reference_bgr: uint8 (256, 256, 3), the crop with another mouth.
            code: float32 (8,), the shape of the mouth to paint.
            real_bgr: uint8 (128, 128, 3), the window of the real mouth, into which the paint is laid.
        """
        image = _tensor(cv2.resize(reference_bgr, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        _, logits, paint, _ = self._hand(image, torch.from_numpy(code)[None])
        mask, inside = (t[0].permute(1, 2, 0).numpy() for t in (torch.sigmoid(logits), paint))
        still = np.zeros((2, 2, 2), np.float32)
        small = cv2.resize(real_bgr, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        made = compose_small(np.asarray(small, np.uint8), WarpMouth(still, mask[..., 0], inside, WHOLE_CROP))
        return np.clip(np.rint(made * 255), 0, 255).astype(np.uint8)


def _tensor(picture_bgr: Array) -> torch.Tensor:
    return torch.from_numpy(picture_bgr).permute(2, 0, 1)[None].float() / 255


def own_pairs(
    corpus: Path, labels: Path, lips: Path, count: int, *, held_out: bool, seed: int = 0
) -> tuple[Array, Array]:
    """Return made windows uint8 (n, 64, 64, 3) and the sharp originals uint8 (n, 128, 128, 3).

    Args:
        corpus: the corpus folder.
        labels: of `export.train.labels`.
        lips: folder of the trained lips (`shape.npz`, `hand/`).
        count: how many.
        held_out: take the stills that are kept for measuring.
        seed: of poses, light and reference mouths.
    """
    model = ShapeModel.load(lips / "shape.npz")
    mouths, made = OpenMouths(corpus, labels, model, held_out=held_out, seed=seed), OwnOutput(lips)
    pairs = [mouths.pair() for _ in range(count)]
    return np.stack([made(*pair) for pair in pairs]), np.stack([p[2] for p in pairs])
