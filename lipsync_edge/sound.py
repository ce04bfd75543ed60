"""Reading sound: any file with audio becomes pieces of PCM at the file's own rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from lipsync_edge.arrays import F32
from lipsync_edge.errors import InputError, NoAudioError
from lipsync_edge.media import opened

MAX_CHANNELS = 2  # more are mixed down to stereo


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What is known of a sound before it is decoded.

    Attributes:
        rate: samples a second.
        channels: 1 or 2, as it will be read.
        duration: seconds, or None when the file does not say.
    """

    rate: int
    channels: int
    duration: Fraction | None


def probe_sound(path: Path) -> SoundInfo:
    """Return rate, channels and length of a file's first audio stream.

    Raises:
        InputError: the file cannot be read.
        NoAudioError: it holds no sound.
    """
    with opened(path) as container:
        if not container.streams.audio:
            raise NoAudioError(expected=f"sound in {path.name}", got="a file without an audio stream")
        stream = container.streams.audio[0]
        frame = next(iter(container.decode(stream)), None)
        if frame is None or not stream.rate:
            raise NoAudioError(expected=f"sound in {path.name}", got="an audio stream without a sample that decodes")
        known = stream.duration * Fraction(stream.time_base) if stream.duration and stream.time_base else None
        if known is None and container.duration:
            known = Fraction(container.duration, 1_000_000)
        return SoundInfo(stream.rate, min(len(frame.layout.channels), MAX_CHANNELS), known)


def read_sound(path: Path, info: SoundInfo, start: Fraction = Fraction(0), end: Fraction | None = None) -> Iterator[F32]:
    """Decode a sound in pieces.

    Args:
        path: any file with audio.
        info: what `probe_sound` said.
        start: skip this many seconds.
        end: stop at this many seconds from the beginning of the file.

    Yields:
        float32 (n, channels), -1…1, at `info.rate`. A damaged packet is skipped; not one good one is an error.
    """
    import av

    skip = round(start * info.rate)
    left = None if end is None else round(end * info.rate) - skip
    given = False
    with opened(path) as container:
        layout = "mono" if info.channels == 1 else "stereo"
        resampler = av.AudioResampler(format="flt", layout=layout, rate=info.rate)
        for frame in _frames(container):
            for piece in resampler.resample(frame):
                given = True
                samples = np.asarray(piece.to_ndarray(), np.float32).reshape(-1, info.channels)
                samples, skip = samples[skip:], max(0, skip - len(samples))
                if left is not None:
                    samples = samples[:left]
                    left -= len(samples)
                if len(samples):
                    yield samples
            if left == 0:
                return
    if not given:
        raise InputError(expected=f"sound in {path.name}", got="no packet that decodes")


def _frames(container: Any) -> Iterator[Any]:
    """Give decoded frames and, last, None, which empties the resampler."""
    import av

    try:
        for packet in container.demux(container.streams.audio[0]):
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                continue
    except av.FFmpegError:
        pass  # the file is cut off: what came before it counts
    yield None
