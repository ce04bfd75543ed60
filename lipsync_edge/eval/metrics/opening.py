"""The mouth's opening, read by our own segmenter, and how it follows the person whose voice is heard.

Definitions are ours: a dubbed mouth is right when it opens and closes as the real speaker's did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lipsync_edge.models.network import Network
from lipsync_edge.types import F32, U8

CLOSED = 0.15  # of a mouth's own range
BATCH = 8
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Follows:
    """How one opening curve follows another.

    Attributes:
        correlation: Pearson's r at equal time, -1…1; None when a mouth never moves.
        best_lag: frames the curve comes late (positive) where r is highest.
        best_correlation: r there.
        amplitude: range (95th less 5th percentile) over the speaker's range.
        closures_kept: part of the speaker's closed frames on which this mouth is closed too; None without any.
    """

    correlation: float | None
    best_lag: int
    best_correlation: float | None
    amplitude: float | None
    closures_kept: float | None


def openings(network: Network, crops_bgr: Sequence[U8]) -> F32:
    """Return the opening of each mouth, float32 (n,): area of the class "mouth" over the area of the crop.

    Args:
        network: a segmenter of kind regions with a class "mouth" (edge_segment).
        crops_bgr: aligned crops, uint8 (S, S, 3), S the segmenter's side.
    """
    if network.spec.segment is None or "mouth" not in network.spec.segment.classes:
        raise ValueError(f"{network.spec.name} has no class 'mouth'")
    which = network.spec.segment.classes.index("mouth")
    parts = [
        network(face=np.stack(crops_bgr[i : i + BATCH]))["regions"][:, which].mean((1, 2))
        for i in range(0, len(crops_bgr), BATCH)
    ]
    return np.concatenate([np.zeros(0, np.float32), *parts]).astype(np.float32)


def follows(curve: npt.ArrayLike, speaker: npt.ArrayLike, most_lag: int = 10) -> Follows:
    """Compare two opening curves, (n,) and (m,), frame by frame; the longer one is cut; NaN frames do not count."""
    x, y = np.asarray(curve, np.float64), np.asarray(speaker, np.float64)
    n = min(len(x), len(y))
    x, y = x[:n], y[:n]
    lags = {lag: correlation(*_shifted(x, y, lag)) for lag in range(-most_lag, most_lag + 1)}
    known = {lag: r for lag, r in lags.items() if r is not None}
    best = max(known, key=lambda lag: (known[lag], -abs(lag))) if known else 0
    range_x, range_y = _range(x), _range(y)
    closed = _closed(y)
    return Follows(
        correlation=lags[0],
        best_lag=best,
        best_correlation=known.get(best),
        amplitude=range_x / range_y if range_y > 0 else None,
        closures_kept=float(_closed(x)[closed].mean()) if closed.any() else None,
    )


def correlation(x: F64, y: F64) -> float | None:
    """Return Pearson's r of (n,) and (n,); None for fewer than three frames or a constant curve."""
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    if len(x) < 3 or np.ptp(x) < 1e-9 or np.ptp(y) < 1e-9:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def beyond(x: F64, y: F64, known: F64) -> float | None:
    """Return the partial correlation, -1…1, of (n,) and (n,) given a third (n,): what `known` explains is taken out.

    None where a curve is constant, or where one of the two is `known` itself.
    """
    both = np.isfinite(x) & np.isfinite(y) & np.isfinite(known)
    pairs = [correlation(a[both], b[both]) for a, b in ((x, y), (x, known), (y, known))]
    if None in pairs:
        return None
    xy, xk, yk = (float(r or 0.0) for r in pairs)
    rest = (1 - xk**2) * (1 - yk**2)
    return (xy - xk * yk) / rest**0.5 if rest > 1e-9 else None


def _shifted(x: F64, y: F64, lag: int) -> tuple[F64, F64]:
    n = len(x)
    if abs(lag) >= n:
        return x[:0], y[:0]
    return (x[lag:], y[: n - lag]) if lag >= 0 else (x[: n + lag], y[-lag:])


def _range(x: F64) -> float:
    x = x[np.isfinite(x)]
    return float(np.subtract(*np.percentile(x, [95, 5]))) if len(x) else 0.0


def _closed(x: F64) -> npt.NDArray[np.bool_]:
    known = x[np.isfinite(x)]
    if not len(known):
        return np.zeros(len(x), bool)
    low, high = np.percentile(known, [5, 95])
    return np.isfinite(x) & (x <= low + CLOSED * (high - low)) & (high > low)
