"""Reading sound: any file with audio becomes pieces of PCM at the file's own rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from lipsync_edge.audio.resample import TARGET_RATE, Resampler, to_float32
from lipsync_edge.errors import InputError, NoAudioError
from lipsync_edge.types import F32
from lipsync_edge.video.probe import opened

MAX_CHANNELS = 2  # more are mixed down to stereo
_LEAST_GAP_S, _LONGEST_GAP_S = (
    0.02,
    3600.0,
)  # less is rounding of the container's clock, more is a broken clock


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
            raise NoAudioError(
                expected=f"sound in {path.name}", got="an audio stream without a sample that decodes"
            )
        known = stream.duration * Fraction(stream.time_base) if stream.duration and stream.time_base else None
        if known is None and container.duration:
            known = Fraction(container.duration, 1_000_000)
        return SoundInfo(int(frame.sample_rate), min(len(frame.layout.channels), MAX_CHANNELS), known)


def read_sound(
    path: Path, info: SoundInfo, start: Fraction = Fraction(0), end: Fraction | None = None
) -> Iterator[F32]:
    """Decode a sound in pieces.

    Time 0 is where the file begins, pictures included; where the sound begins later, or a stretch of it is missing,
    silence stands in, so that what follows keeps its time.

    Args:
        path: any file with audio.
        info: what `probe_sound` said.
        start: skip this many seconds.
        end: stop at this many seconds from the beginning of the file.

    Yields:
        float32 (n, channels), -1…1, at `info.rate`. A damaged packet is skipped; not one good one is an error.
    """
    position, first = 0, round(start * info.rate)
    last = None if end is None else round(end * info.rate)
    with opened(path) as container:
        for samples in _pieces(container, info):
            piece = samples[max(0, first - position) : None if last is None else max(0, last - position)]
            position += len(samples)
            if len(piece):
                yield piece
            if last is not None and position >= last:
                return
    if not position:
        raise InputError(expected=f"sound in {path.name}", got="no packet that decodes")


def read_audio(path: str | Path, rate: int = TARGET_RATE, start: Fraction = Fraction(0)) -> F32:
    """Decode a sound from second `start` on as mono, float32 (n,), -1…1, at 16 kHz (or, if `rate` is that, its own).

    Raises:
        InputError: the file cannot be read, or another rate is asked for; NoAudioError: it holds no sound.
    """
    place = Path(path)
    info = probe_sound(place)
    mono = np.concatenate([to_float32(piece) for piece in read_sound(place, info, start)])
    if rate == info.rate:
        return mono
    if rate != TARGET_RATE:
        raise InputError(expected=f"{TARGET_RATE} or {info.rate} Hz", got=f"{rate} Hz")
    resampler = Resampler(info.rate)
    return np.concatenate([resampler.push(mono), resampler.flush()])


def _pieces(container: Any, info: SoundInfo) -> Iterator[F32]:
    """Decode, mix to at most two channels, and put silence where nothing is."""
    import av

    layout = "mono" if info.channels == 1 else "stereo"
    resampler = av.AudioResampler(format="flt", layout=layout, rate=info.rate)
    origin = Fraction(container.start_time or 0, 1_000_000)
    position = 0
    for frame in _frames(container):
        if frame is not None and frame.pts is not None:
            missing = round((frame.pts * Fraction(frame.time_base) - origin) * info.rate) - position
            for length in _portions(
                missing if _LEAST_GAP_S < missing / info.rate < _LONGEST_GAP_S else 0, info.rate
            ):
                position += length
                yield np.zeros((length, info.channels), np.float32)
        for piece in resampler.resample(frame):
            samples = np.asarray(piece.to_ndarray(), np.float32).reshape(-1, info.channels)
            position += len(samples)
            yield np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)


def _portions(total: int, most: int) -> Iterator[int]:
    """Cut a length into portions of at most `most`."""
    for begun in range(0, total, most):
        yield min(most, total - begun)


def _frames(container: Any) -> Iterator[Any]:
    """Give decoded frames and, last, None, which empties the resampler."""
    import av

    try:
        for packet in container.demux(container.streams.audio[0]):
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                continue
    except av.error.FFmpegError:
        pass  # the file is cut off: what came before it counts
    yield None
