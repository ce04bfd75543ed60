"""Sound reader: any file with audio becomes pieces of PCM, at the file's own rate or the one that is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from lipsync_edge.audio.conversion import RATES, Conversion
from lipsync_edge.audio.mono import MonoMix
from lipsync_edge.audio.resample import TARGET_RATE, Resampler
from lipsync_edge.errors import InputError, NoAudioError
from lipsync_edge.types import F32
from lipsync_edge.video.container import audio_stream, file_name, opened

MAX_CHANNELS = 2  # more are mixed down to stereo
_LOOKED_AT = 8  # frames: the first of a file that changes its rate may come with a wrong one
# less is rounding of the container's clock, more is a broken clock
_LEAST_GAP_S, _LONGEST_GAP_S = (0.02, 3600.0)


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What is known of a sound before it is decoded.

    Attributes:
        rate: samples a second, as it will be read; a file may change its own midway.
        channels: 1 or 2, as it will be read.
        duration: seconds, or None when the file does not say.
        track: number of the sound track that is read, from 1.
        tracks: how many there are.
    """

    rate: int
    channels: int
    duration: Fraction | None
    track: int = 1
    tracks: int = 1


def probe_sound(
    file: Path | IO[bytes], *, track: int | None = None, container_format: str | None = None
) -> SoundInfo:
    """Return rate, channels and length of a file's sound.

    Args:
        file: a path, or a file opened for reading.
        track: number of the sound track, from 1; None takes the default one.
        container_format: FFmpeg's name of the only format to accept, for files of strangers; None for any.

    Raises:
        InputError: the file cannot be read.
        NoAudioError: it holds no sound.
    """
    name = file_name(file)
    with opened(file, container_format) as container:
        stream = audio_stream(container, name, track)
        frames = [frame for frame in islice(_frames(container, stream), _LOOKED_AT) if frame is not None]
        if not frames:
            raise NoAudioError(
                expected=f"sound in {name}", got="an audio stream without a sample that decodes"
            )
        rate = max(int(frame.sample_rate) for frame in frames)
        if rate not in RATES:
            raise InputError(
                expected=f"{RATES.start} to {RATES.stop - 1} samples a second in {name}", got=str(rate)
            )
        known = stream.duration * Fraction(stream.time_base) if stream.duration and stream.time_base else None
        if known is None and container.duration:
            known = Fraction(container.duration, 1_000_000)
        return SoundInfo(
            rate=rate,
            channels=min(max(len(frame.layout.channels) for frame in frames), MAX_CHANNELS),
            duration=known,
            track=1 + [one.index for one in container.streams.audio].index(stream.index),
            tracks=len(container.streams.audio),
        )


def read_sound(
    file: Path | IO[bytes],
    info: SoundInfo,
    start: Fraction = Fraction(0),
    end: Fraction | None = None,
    *,
    container_format: str | None = None,
) -> Iterator[F32]:
    """Decode a sound in pieces.

    Time 0 is where the file begins, pictures included; where the sound begins later, or a stretch of it is missing,
    silence stands in, so that what follows keeps its time.

    Args:
        file: any file with audio, its path or opened for reading.
        info: what `probe_sound` said.
        start: skip this many seconds.
        end: stop at this many seconds from the beginning of the file.
        container_format: see `probe_sound`.

    Yields:
        float32 (n, channels), -1…1, at `info.rate`. A damaged packet is skipped; not one good one is an error.
    """
    position, first = 0, round(start * info.rate)
    last = None if end is None else round(end * info.rate)
    with opened(file, container_format) as container:
        for samples in _pieces(container, info):
            piece = samples[max(0, first - position) : None if last is None else max(0, last - position)]
            position += len(samples)
            if len(piece):
                yield piece
            if last is not None and position >= last:
                return
    if not position:
        raise InputError(expected=f"sound in {file_name(file)}", got="no packet that decodes")


def read_mono(
    file: Path | IO[bytes],
    rate: int = TARGET_RATE,
    start: Fraction = Fraction(0),
    *,
    container_format: str | None = None,
) -> Iterator[F32]:
    """Decode a sound from second `start` on, mixed to mono and resampled, in pieces of float32 (n,), -1…1.

    Args:
        file: any file with audio, its path or opened for reading.
        rate: samples a second that are wanted.
        start: skip this many seconds.
        container_format: see `probe_sound`.

    Raises:
        InputError: the file cannot be read; NoAudioError: it holds no sound.
    """
    info = probe_sound(file, container_format=container_format)
    mono, resampler = MonoMix(info.rate), Resampler(info.rate, rate)
    for piece in read_sound(file, info, start, container_format=container_format):
        yield resampler.push(mono.push(piece))
    yield resampler.flush()


def read_audio(path: str | Path, rate: int = TARGET_RATE, start: Fraction = Fraction(0)) -> F32:
    """Decode a sound from second `start` on as mono, float32 (n,), -1…1; see `read_mono`.

    Raises:
        InputError: the file cannot be read; NoAudioError: it holds no sound.
    """
    return np.concatenate([*read_mono(Path(path), rate, start)])


def _pieces(container: Any, info: SoundInfo) -> Iterator[F32]:
    """Decode, mix to at most two channels, and put silence where nothing is."""
    conversion = Conversion(info.rate, info.channels)
    origin = Fraction(container.start_time or 0, 1_000_000)
    position = 0
    for frame in _frames(container, container.streams.audio[info.track - 1]):
        if frame is not None and frame.pts is not None:
            missing = round((frame.pts * Fraction(frame.time_base) - origin) * info.rate) - position
            for length in _portions(
                missing if _LEAST_GAP_S < missing / info.rate < _LONGEST_GAP_S else 0, info.rate
            ):
                position += length
                yield np.zeros((length, info.channels), np.float32)
        for samples in conversion.convert(frame):
            position += len(samples)
            yield samples


def _portions(total: int, most: int) -> Iterator[int]:
    """Cut a length into portions of at most `most`."""
    for begun in range(0, total, most):
        yield min(most, total - begun)


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Give decoded frames and, last, None, which empties the resampler."""
    import av

    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                continue
    except av.error.FFmpegError:
        pass  # the file is cut off: what came before it counts
    yield None
