"""Opening curves of videos, and what is said of them."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync_edge.eval.metrics.opening import beyond, correlation, follows, openings
from lipsync_edge.eval.watch import Seen
from lipsync_edge.models.network import Network
from lipsync_edge.types import F32

FOLLOWS = ("opening_r", "opening_lag", "opening_best_r", "opening_amplitude", "closures_kept")
LEAK = ("source_r", "chance_r", "voice_r")
Figures = dict[str, tuple[float | None, str]]


def curve(segmenter: Network, seen: Seen) -> F32:
    """Return the opening in every frame, float32 (n,); NaN where there is no face."""
    side = segmenter.spec.side("face")
    where = [i for i, crop in enumerate(seen.aligned_bgr) if crop is not None]
    small = [
        cv2.resize(c, (side, side), interpolation=cv2.INTER_AREA) for c in seen.aligned_bgr if c is not None
    ]
    values = np.full(len(seen.times), np.nan, np.float32)
    values[where] = openings(segmenter, [np.asarray(one, np.uint8) for one in small])
    return values


def at_times(seen: Seen, other: Seen, values: F32) -> F32:
    """Return another video's curve, float32 (m,), at this one's times, float32 (n,); NaN beyond its end."""
    return np.interp(seen.times, other.times, values, right=np.nan).astype(np.float32)


def plain(values: F32) -> list[float | None]:
    """Return a curve for JSON."""
    return [round(float(v), 6) if np.isfinite(v) else None for v in values]


def opening_figures(made: F32, speaker: F32 | None, source: F32 | None) -> Figures:
    """Return name → (value or None, why it is missing) of everything that compares opening curves.

    Beside those of `follows`, where another person speaks than the one that is seen:
    `source_r`, r of the made opening with the source's own (what shows through of the mouth that was there);
    `chance_r`, r of the source's own opening with the speaker's (what a source copied unchanged would score, so the
    value that `source_r` would take in a perfect dub); `voice_r`, partial correlation of made and speaker given the
    source (what the voice alone brings). Ours.

    Args:
        made: float32 (n,), the result's opening.
        speaker: float32 (n,), that of the person heard, or None.
        source: float32 (n,), the source's own, or None where the speaker is the one seen.
    """
    out: Figures = {}
    if speaker is None:
        return {name: (None, "no --speaker and no --reference") for name in (*FOLLOWS, *LEAK)}
    found = follows(made, speaker)
    values = (found.correlation, found.best_lag, found.best_correlation, found.amplitude, found.closures_kept)
    for name, value in zip(FOLLOWS, values, strict=True):
        out[name] = (value, "the mouth or the speaker's does not move")
    if source is None:
        return out | dict.fromkeys(LEAK, (None, "needs another person's voice: --speaker and --reference"))
    x, y, known = (np.asarray(one, np.float64) for one in (made, speaker, source))
    leak = (correlation(x, known), correlation(known, y), beyond(x, y, known))
    return out | {
        name: (value, "one of the three mouths does not move") for name, value in zip(LEAK, leak, strict=True)
    }
