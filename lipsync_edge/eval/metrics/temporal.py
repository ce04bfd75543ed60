"""How pictures change over time: temporal smoothness and flicker, on aligned crops, so that a moving head is still."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lipsync_edge.eval.metrics.pixels import ssim
from lipsync_edge.types import U8


def tss(crops_bgr: Sequence[U8]) -> float | None:
    """Return the temporal smoothness score: mean SSIM of each aligned mouth with the next one, -1…1.

    Papers that print a TSS do not define it; this is our definition. 1 is a frozen mouth, so it is not "higher is
    better": a good result has the *real* video's value, which the report prints beside it. None below two crops.
    """
    pairs = [ssim(a, b) for a, b in zip(crops_bgr, crops_bgr[1:], strict=False)]
    return float(np.mean(pairs)) if pairs else None


def flicker(crops_bgr: Sequence[U8]) -> float | None:
    """Return the mean absolute second difference in time, |I(t-1) - 2·I(t) + I(t+1)| / 2, in grey levels 0…255.

    Motion at an even pace cancels, what comes and goes from frame to frame does not. Our definition; compare with the
    source's own value (noise flickers, too). None below three crops.
    """
    if len(crops_bgr) < 3:
        return None
    values = []
    for before, now, after in zip(crops_bgr, crops_bgr[1:], crops_bgr[2:], strict=False):
        second = before.astype(np.int16) - 2 * now.astype(np.int16) + after
        values.append(float(np.abs(second).mean()) / 2)
    return float(np.mean(values))
