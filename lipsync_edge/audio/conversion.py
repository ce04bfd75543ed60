"""Conversion of decoded audio to one rate and one or two channels, however often the file changes its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lipsync_edge.audio.resample import HIGHEST_RATE, LOWEST_RATE
from lipsync_edge.types import F32

if TYPE_CHECKING:
    import av

# What FFmpeg calls channels of which nobody says where they stand. A guess would take one for a subwoofer, and drop it.
RATES = range(LOWEST_RATE, HIGHEST_RATE + 1)  # samples a second; a header may claim anything
_MOST = 1 << 25  # samples that one packet may become: eleven minutes at 48 kHz
_PLACELESS = re.compile(r"\d+ channels|ambisonic.*")


class Conversion:
    """Converts the frames of one stream, whose rate, layout and sample format may change from frame to frame.

    Joined files and long recordings do that. Sound that is under way is finished before what comes in another form is
    begun, so that not a sample is lost.

    Args:
        rate: samples a second that come out.
        channels: 1 or 2; channels without a place in a room are averaged.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._channels = rate, channels
        self._form: tuple[str, str, int] | None = None
        self._resampler: Any = None
        self._mixed = 0  # channels that the resampler gives

    def convert(self, frame: av.AudioFrame | None) -> Iterator[F32]:
        """Give what a frame completes, float32 (n, channels), finite; None, at the end, gives what is still held.

        A frame of a rate that nobody records at, or that would become larger than any is, is passed over.
        """
        if frame is not None and not self._is_sound(frame):
            return
        if frame is not None and len(frame.layout.channels) > 2 and _PLACELESS.fullmatch(frame.layout.name):
            frame = _averaged(frame)
        form = None if frame is None else (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is not None and form != self._form:
            yield from self._arrays(None)
            self._resampler = None
        if frame is None or form is None:
            return
        if self._resampler is None:
            import av

            self._mixed = min(len(frame.layout.channels), 2)
            layout = "mono" if self._mixed == 1 else "stereo"
            self._resampler = av.AudioResampler(format="flt", layout=layout, rate=self._rate)
            self._form = form
        yield from self._arrays(frame)

    def _is_sound(self, frame: av.AudioFrame) -> bool:
        return frame.sample_rate in RATES and frame.samples * self._rate <= _MOST * frame.sample_rate

    def _arrays(self, frame: av.AudioFrame | None) -> Iterator[F32]:
        for piece in self._resampler.resample(frame):
            samples = np.asarray(piece.to_ndarray(), np.float32).reshape(-1, self._mixed)
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
            # not by swresample, which makes one channel of two louder by 3 dB, and two of one quieter
            if self._mixed > self._channels:
                samples = samples.mean(axis=1, keepdims=True, dtype=np.float32)
            yield samples if samples.shape[1] == self._channels else samples.repeat(2, axis=1)


def _averaged(frame: av.AudioFrame) -> av.AudioFrame:
    """Return the mean of all channels as one."""
    import av

    packed = frame.to_ndarray()  # planar: (channels, n); else (1, n * channels)
    channels = packed if frame.format.is_planar else packed.reshape(-1, len(frame.layout.channels)).T
    middle, full = (128.0, 128.0) if channels.dtype == np.uint8 else (0.0, 1.0)
    if np.issubdtype(channels.dtype, np.signedinteger):
        full = float(-np.iinfo(channels.dtype).min)
    mean = (channels.mean(axis=0, dtype=np.float64, keepdims=True) - middle) / full
    one = av.AudioFrame.from_ndarray(mean.astype(np.float32), format="flt", layout="mono")
    one.sample_rate, one.pts, one.time_base = frame.sample_rate, frame.pts, frame.time_base
    return one
