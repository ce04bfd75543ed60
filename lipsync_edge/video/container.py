"""Media files opened for reading: by any name, without a word of FFmpeg's own; their streams and frames."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lipsync_edge.errors import InputError, NoAudioError, NoVideoError
from lipsync_edge.video.picture_size import LARGE_PIXELS, MOST_PIXELS, MOST_PIXELS_OF_STILL

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

# of a decoder of large pictures: each thread holds one, and by itself it would begin one more than there are cores
LARGE_THREADS = 2

_LISTS = {"concat", "dash", "hls", "image2", "imf", "lavfi", "rtp", "rtsp", "sdp", "webm_dash_manifest"}
_LIST_STARTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"v=0")


def media_url(path: Path) -> str:
    """Return what FFmpeg must be told to open a file, whatever its name looks like: `10:30.mp4` is no protocol."""
    return f"file:{path}"


def check_file(path: Path, what: str) -> None:
    """Raise InputError, saying what was wanted, unless `path` is a file with something in it."""
    try:
        kind = "a folder" if path.is_dir() else "an empty file" if path.stat().st_size == 0 else ""
    except OSError as error:
        raise InputError(expected=f"{what} at {path}", got=(error.strerror or str(error)).lower()) from error
    if kind:
        raise InputError(
            expected=f"{what} at {path}", got=kind, fix="give a file with a picture or sound in it"
        )


def file_name(file: Path | IO[bytes]) -> str:
    """Return what a file is called in a message."""
    return file.name if isinstance(file, Path) else "what was sent"


@contextmanager
def opened(file: Path | IO[bytes], container_format: str | None = None) -> Iterator[InputContainer]:
    """Open a media file; whatever FFmpeg refuses becomes an InputError.

    Args:
        file: its path, or the file opened for reading, which is read from its beginning.
        container_format: FFmpeg's name of the only format to accept, or None for any.
    """
    import av

    where: str | IO[bytes]
    if isinstance(file, Path):
        check_file(file, "a media file")
        where, wanted = media_url(file), f"a media file that can be read at {file}"
    else:
        file.seek(0)
        where, wanted = file, f"{container_format or 'a media file'} in what was sent"
    reads_any_tag = int(av.__version__.split(".")[0]) >= 19
    tags: dict[str, Any] = {} if reads_any_tag else {"metadata_errors": "replace"}
    try:
        allowed = {"format_whitelist": _formats()}
        with av.open(where, "r", format=container_format, options=allowed, **tags) as container:
            yield container
    except av.error.FFmpegError as error:
        if isinstance(file, Path) and _is_list(file):
            raise InputError(
                expected=wanted, got="a list of other files, which is not followed", fix="give one of these"
            ) from error
        raise InputError(
            expected=wanted,
            got=(error.strerror or str(error)).lower(),
            fix="close other programs"
            if error.errno in (errno.ENOMEM, errno.EAGAIN)
            else "the file may be cut short or not what its name says",
        ) from error


@cache
def _formats() -> str:
    """Names of all formats but those that read other files than the one that was opened."""
    import av

    return ",".join(sorted(av.formats_available - _LISTS))


def _is_list(file: Path) -> bool:
    with file.open("rb") as opened_file:
        return opened_file.read(16).startswith(_LIST_STARTS)


def video_stream(container: InputContainer, path: Path, track: int | None = None) -> Any:
    """Return a moving-picture stream: a track by its number, or the default one, of several the largest.

    Raises:
        NoVideoError: there is none; InputError: not so many.
    """
    streams = film_streams(container)
    if not streams:
        raise NoVideoError(expected=f"a video in {path.name}", got="a file without pictures")
    stream = _track(streams, track, path.name, lambda one: one.width * one.height)
    if stream.codec_context is None:
        raise NoVideoError(
            expected=f"a video that can be decoded in {path.name}",
            got="pictures of an unknown codec",
            fix="convert it to H.264 first",
        )
    stream.thread_type = "AUTO"
    if stream.width * stream.height > LARGE_PIXELS:
        stream.codec_context.thread_count = LARGE_THREADS
    # whatever the file says later on: larger pictures are passed over before there is memory for them
    stream.codec_context.options = {"max_pixels": str(most_pixels(stream))}
    return stream


def most_pixels(stream: Any) -> int:
    """Return how many pixels a picture of a stream may have: one that is alone in its track is a still."""
    return MOST_PIXELS_OF_STILL if stream.frames == 1 else MOST_PIXELS


def film_streams(container: InputContainer) -> list[Any]:
    """Return the picture streams of a file, cover art and title pictures aside."""
    import av

    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    # moving AVIF and HEIF bring their title picture along, as a track of its own
    moving = [stream for stream in streams if stream.frames > 1]
    titles = [stream for stream in streams if stream.frames == 1]
    return [stream for stream in streams if stream not in titles] if moving else streams


def audio_stream(container: InputContainer, name: str, track: int | None = None) -> Any:
    """Return a sound stream: a track by its number, or the default one; descriptions for the blind come last.

    Raises:
        NoAudioError: there is none; InputError: not so many.
    """
    import av

    kinds = av.stream.Disposition
    aside = kinds.visual_impaired | kinds.hearing_impaired | kinds.comment | kinds.clean_effects
    streams = list(container.streams.audio)
    if not streams:
        raise NoAudioError(expected=f"sound in {name}", got="a file without an audio stream")
    stream = _track(streams, track, name, lambda one: not one.disposition & aside)
    if stream.codec_context is None:
        raise NoAudioError(
            expected=f"sound that can be decoded in {name}",
            got="an unknown codec",
            fix="convert it to WAV first",
        )
    return stream


def _track(streams: Sequence[Any], track: int | None, name: str, merit: Callable[[Any], int]) -> Any:
    """Return track `track`, from 1; without it the one of the most merit among those that are default, or all."""
    import av

    if track is not None:
        if not 1 <= track <= len(streams):
            raise InputError(
                expected=f"a {streams[0].type} track from 1 to {len(streams)} in {name}", got=str(track)
            )
        return streams[track - 1]
    # a stream whose codec is unknown here has no decoder (spatial sound beside the plain one)
    known = [one for one in streams if one.codec_context is not None]
    if not known:
        return streams[0]
    default = [one for one in known if one.disposition & av.stream.Disposition.default]
    return max(default or known, key=merit)  # the first of equals


def decoded(container: InputContainer, stream: Any) -> Iterator[av.VideoFrame]:
    """Decode frames, passing over damaged packets as players do.

    Raises:
        InputError: pictures that become larger than `video_stream` allows.
    """
    import av

    packets, begun = container.demux(stream), False
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.EOFError, av.error.InvalidDataError):
            packet = None
        try:
            for frame in stream.decode(packet) if packet is not None else ():
                begun = True
                yield frame
        except av.error.FFmpegError as error:
            passed_over = isinstance(error, (av.error.InvalidDataError, av.error.EOFError))
            _check_growth(container, stream, packet, forgotten=begun and not passed_over)
            if not passed_over:
                raise
            continue
        if packet is None:
            return


def _check_growth(container: InputContainer, stream: Any, packet: Any, *, forgotten: bool) -> None:
    """Raise InputError if what did not decode was too large: some decoders keep that size, others forget any."""
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height <= most_pixels(stream) and not (forgotten and not width):
        return
    late = 0.0 if packet is None or packet.pts is None else float(packet.pts * stream.time_base)
    if container.start_time is not None:
        late -= container.start_time / 1_000_000
    raise InputError(
        expected=f"pictures of at most {most_pixels(stream) / 1e6:.0f} million pixels in all of {_name(container)}",
        got=f"{f'{width}x{height}' if width else 'larger ones'} from {max(0.0, late):.1f} s on",
        fix="scale it first",
    )


def _name(container: InputContainer) -> str:
    return Path(container.name.removeprefix("file:")).name


def no_picture(path: Path) -> NoVideoError:
    """Return the error for a file whose pictures do not decode."""
    return NoVideoError(
        expected=f"a video in {path.name}", got="no frame that decodes", fix="export it again"
    )
