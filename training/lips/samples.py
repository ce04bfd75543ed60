"""One training example of the mouth renderer, and a batch of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.lips.views import SIDE

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One training example.

    Attributes:
        fine: uint8 (256, 256, 3) BGR, the reference at twice the resolution that the network sees.
        target: uint8 (128, 128, 3) BGR, the mouth's window at that resolution, or the reference's again where there
            is no picture of the result.
        coefficients: float32 (8,), of the target's mouth.
        seen: float32 (8,), of the reference's.
        later: float32 (8,), what might be asked a frame after the target.
        to: float32 (k, 2), where the points of `MOVING` + `STILL` are in the target, in crop pixels (128).
        come_from: float32 (k, 2), where they are in the reference.
        mask: float32 (128, 128), the inside of the target's mouth in the window.
        pictured: whether `target` shows the result.
        sharp: whether `target`, or `fine` where it is not pictured, holds detail at its full resolution.
    """

    fine: Array
    target: Array
    coefficients: Array
    seen: Array
    later: Array
    to: Array
    come_from: Array
    mask: Array
    pictured: bool
    sharp: bool


def tensors(samples: list[Sample], reals: list[tuple[Array, Array, bool]]) -> dict[str, Tensor]:
    """Return examples as tensors, by the names of `Sample`, pictures as (B, 3, h, w), 0…1.

    `reference` is what the network sees, (B, 3, 128, 128); `real`, `real_mask` and `real_sharp` are real mouths.
    """
    real, real_mask, real_sharp = zip(*reals, strict=True)
    seen = [cv2.resize(s.fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for s in samples]
    names = ("coefficients", "seen", "later", "to", "come_from")
    return {
        "reference": _pictures(seen),
        "fine": _pictures([s.fine for s in samples]),
        "target": _pictures([s.target for s in samples]),
        **{name: torch.from_numpy(np.stack([getattr(s, name) for s in samples])) for name in names},
        "mask": torch.from_numpy(np.stack([s.mask for s in samples]))[:, None],
        "real": _pictures(list(real)),
        "real_mask": torch.from_numpy(np.stack(real_mask))[:, None],
        "real_sharp": torch.tensor([float(sharp) for sharp in real_sharp]),
        **{name: torch.tensor([float(getattr(s, name)) for s in samples]) for name in ("pictured", "sharp")},
    }


def _pictures(pictures: list[Array]) -> Tensor:
    stack = np.stack(pictures).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(stack)).float() / 255
