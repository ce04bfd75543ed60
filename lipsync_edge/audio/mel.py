"""Samples to mel columns: the published front end, streaming first.

The offline call is ``push`` followed by ``flush`` of the same object, and every column is computed on
its own, so a stream cut into any chunks gives bit for bit the columns of the whole file.

One column is 800 pre-emphasised samples under a periodic Hann window, taken every 200 samples and
centred on sample ``200 * k``; the signal is extended at both ends by reflection about its first and last
sample. An input shorter than the 400 samples that reflection asks for is reflected again and again
(period ``2 * (n - 1)``, as ``numpy.pad`` does), a single sample is repeated, and no sample at all gives no
column. ``n > 0`` samples give ``1 + n // 200`` columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000
"""Samples a second that the mel is defined for."""

HOP = 200
"""Samples between two columns."""

WINDOW = 800
"""Samples under one column (also the length of the Fourier transform)."""

BANDS = 80
"""Mel bands, the rows of a mel array."""

FLOOR = -4.0
"""Mel value of silence, the bottom of the range [-4, 4]."""

_HALF = WINDOW // 2
_PREEMPHASIS = 0.97
_LOWEST_HZ = 55.0
_HIGHEST_HZ = 7600.0
_SMALLEST_MAGNITUDE = 1e-5
_KEEP = 2 * WINDOW  # samples kept behind the next column: reflection at the end looks back 401 of them

Float64Array = npt.NDArray[np.float64]


def hz_to_mel(hz: npt.ArrayLike) -> Float64Array:
    """Convert hertz to mels on Slaney's scale: linear (200/3 Hz a mel) below 1 kHz, logarithmic (6.4 in 27 mels) above.

    Args:
        hz: frequencies in Hz, any shape.

    Returns:
        float64 array of the same shape, in mels.
    """
    hz = np.asarray(hz, dtype=np.float64)
    above = 15.0 + np.log(np.maximum(hz, 1000.0) / 1000.0) * (27.0 / np.log(6.4))
    return np.where(hz < 1000.0, hz * 3.0 / 200.0, above)


def mel_to_hz(mel: npt.ArrayLike) -> Float64Array:
    """Convert mels to hertz, the inverse of :func:`hz_to_mel`; mels of any shape to float64 Hz of that shape."""
    mel = np.asarray(mel, dtype=np.float64)
    above = 1000.0 * np.exp((np.maximum(mel, 15.0) - 15.0) * (np.log(6.4) / 27.0))
    return np.where(mel < 15.0, mel * 200.0 / 3.0, above)


def mel_filters() -> Float64Array:
    """Return triangular, area-normalised filters, 55 to 7600 Hz.

    Returns:
        float64 (80, 401): weight of each of the 401 Fourier bins (20 Hz apart) in each band.
    """
    bins_hz = np.arange(_HALF + 1) * (SAMPLE_RATE / WINDOW)
    lowest, highest = float(hz_to_mel(_LOWEST_HZ)), float(hz_to_mel(_HIGHEST_HZ))
    edges_hz = mel_to_hz(np.linspace(lowest, highest, BANDS + 2))
    left, centre, right = (edge[:, None] for edge in (edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]))
    rising = (bins_hz - left) / (centre - left)
    falling = (right - bins_hz) / (right - centre)
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (right - left)))


@dataclass(frozen=True, slots=True)
class _Tables:
    """Constants of one column: the Hann window and the filters as runs of neighbouring bins."""

    window: Float64Array  # (800,)
    bins: npt.NDArray[np.intp]  # (m,) Fourier bins under band 0, then under band 1, ...
    weights: Float64Array  # (m,) their filter weights
    starts: npt.NDArray[np.intp]  # (80,) where each band's run begins


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    bands, bins = np.nonzero(filters := mel_filters())
    starts = np.searchsorted(bands, np.arange(BANDS))
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)
    return _Tables(window=window, bins=bins, weights=filters[bands, bins], starts=starts)


def _column(frame: Float64Array, tables: _Tables) -> npt.NDArray[np.float32]:
    """One mel column, float32 (80,), of 800 pre-emphasised float64 samples.

    The filters are applied as sums over their few bins and not through BLAS, whose result depends on the
    number of columns and threads.
    """
    magnitude = np.abs(np.fft.rfft(frame * tables.window))
    bands = np.add.reduceat(magnitude[tables.bins] * tables.weights, tables.starts)
    level_db = 20.0 * np.log10(np.maximum(_SMALLEST_MAGNITUDE, bands)) - 20.0
    mel: Float64Array = np.clip(8.0 * (level_db + 100.0) / 100.0 - 4.0, FLOOR, -FLOOR)
    return mel.astype(np.float32)


class MelStream:
    """Turns samples that arrive in pieces into mel columns.

    Column ``k`` leaves as soon as sample ``200 * k + 399`` is in (column 0 one sample later).
    """

    def __init__(self) -> None:
        self._tables = _tables()
        self.reset()

    def reset(self) -> None:
        """Forget every sample; the next push begins a new signal."""
        self._samples: Float64Array = np.empty(0, dtype=np.float64)  # pre-emphasised, from _start on
        self._start = 0
        self._count = 0
        self._last = 0.0
        self._next_column = 0

    @property
    def columns(self) -> int:
        """Columns given so far."""
        return self._next_column

    def push(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take samples, give the columns they complete.

        Args:
            samples: float32 (n,), mono, 16 kHz, nominally -1 to 1; n may be 0.

        Returns:
            float32 (80, k), values from -4 to 4; k may be 0.
        """
        self._append(samples)
        end = max(0, (self._count - _HALF) // HOP + 1) if self._count > _HALF else 0
        columns = self._give(end)
        drop = max(0, self._next_column * HOP - _KEEP - self._start)
        if drop:
            self._samples = self._samples[drop:].copy()
            self._start += drop
        return columns

    def flush(self) -> npt.NDArray[np.float32]:
        """End the signal: give the columns that wait for its reflected end, then :meth:`reset`.

        Returns:
            float32 (80, k); with what ``push`` gave, ``1 + n // 200`` columns for n > 0 samples.
        """
        columns = self._give(1 + self._count // HOP if self._count else 0)
        self.reset()
        return columns

    def _append(self, samples: npt.NDArray[np.float32]) -> None:
        if samples.ndim != 1:
            raise ValueError(f"expected samples of shape (n,); got {samples.shape}")
        if not samples.size:
            return
        signal = samples.astype(np.float64)
        before = np.concatenate([[self._last], signal[:-1]])
        self._samples = np.concatenate([self._samples, signal - _PREEMPHASIS * before])
        self._last = float(signal[-1])
        self._count += len(signal)

    def _give(self, end: int) -> npt.NDArray[np.float32]:
        out = np.empty((BANDS, max(0, end - self._next_column)), dtype=np.float32)
        for i in range(out.shape[1]):
            out[:, i] = _column(self._frame((self._next_column + i) * HOP - _HALF), self._tables)
        self._next_column = max(self._next_column, end)
        return out

    def _frame(self, first: int) -> Float64Array:
        """Samples ``first`` to ``first + 799`` of the reflected signal, float64 (800,)."""
        if first >= 0 and first + WINDOW <= self._count:
            return self._samples[first - self._start : first - self._start + WINDOW]
        position = np.arange(first, first + WINDOW)
        if self._count == 1:
            position[:] = 0
        else:
            period = 2 * (self._count - 1)
            position %= period
            position = np.minimum(position, period - position)
        return self._samples[position - self._start]


def level_db(mel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean band power of each column, float32 (T,) in dB, of a mel float32 (80, T)."""
    band_db = (mel.astype(np.float64) + 4.0) * 12.5 - 100.0
    power: npt.NDArray[np.float32] = (10.0 ** (band_db / 10.0)).sum(axis=0) / mel.shape[0]
    return np.asarray(10.0 * np.log10(power), np.float32)


def mel_spectrogram(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mel of a whole signal.

    Args:
        samples: float32 (n,), mono, 16 kHz, nominally -1 to 1.

    Returns:
        float32 (80, T), T = 1 + n // 200 (0 for no samples), 80 columns a second, values from -4 to 4.
    """
    stream = MelStream()
    return np.concatenate([stream.push(samples), stream.flush()], axis=1)
