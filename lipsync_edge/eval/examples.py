"""A few frames to look at: what was made, what is real, and how far the mouths are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync_edge.eval.watch import MOUTH, Seen
from lipsync_edge.types import U8

COUNT = 6
GAIN = 4


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One moment.

    Attributes:
        time: in seconds.
        made_bgr: the result's aligned face, uint8 (256, 256, 3).
        real_bgr: the reference's at the same time, or None without a reference.
        difference_bgr: 4·|made - real| at the mouth, uint8 (87, 112, 3), or None.
    """

    time: float
    made_bgr: U8
    real_bgr: U8 | None
    difference_bgr: U8 | None


def examples(seen: Seen, real: Seen | None) -> list[Example]:
    """Return moments spread evenly over the frames that show a face (in the reference, too, where there is one)."""
    theirs = real.aligned_bgr if real else [None] * len(seen.times)
    moments = [
        (time, made, other)
        for time, made, other in zip(seen.times, seen.aligned_bgr, theirs, strict=False)
        if made is not None and (real is None or other is not None)
    ]
    chosen = np.linspace(0, len(moments) - 1, min(COUNT, len(moments))).astype(int)
    return [_example(*moments[i]) for i in chosen]


def _example(time: float, made_bgr: U8 | None, real_bgr: U8 | None) -> Example:
    assert made_bgr is not None, "moments have a face"
    if real_bgr is None:
        return Example(time, made_bgr, None, None)
    apart = np.abs(made_bgr[MOUTH].astype(np.int16) - real_bgr[MOUTH])
    return Example(time, made_bgr, real_bgr, np.clip(GAIN * apart, 0, 255).astype(np.uint8))
