"""Pictures in: video and still files to BGR frames with exact times.

Colours go through the matrix and range that the file is tagged with (untagged: BT.601, limited), and the writer goes
back through the same ones, so that what nobody touched stays what it was. Times are Fractions of a second from the
file's first frame; a time that its container rounded is put back where the frame rate says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lipsync_edge.errors import InputError, UsageError
from lipsync_edge.video.alpha import (
    OPAQUE,
    alpha_plane,
    has_alpha,
)
from lipsync_edge.video.color import STILL_COLOR, ColorTags
from lipsync_edge.video.container import (
    check_file,
    decoded,
    film_streams,
    most_pixels,
    no_picture,
    opened,
    video_stream,
)
from lipsync_edge.video.orientation import AS_STORED, Orientation, orientation_of
from lipsync_edge.video.picture_size import MOST_PIXELS_OF_STILL
from lipsync_edge.video.still_image import (
    check_size,
    read_whole,
    shown_size,
)
from lipsync_edge.video.still_kinds import is_image

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

STILL_FPS = Fraction(25)
LATEST_S = 3600  # a picture that begins later than this beside its sound has a broken clock


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a picture source is.

    Attributes:
        width: pixels, upright.
        height: pixels, upright.
        fps: frames a second; of a file with varying times its nominal rate.
        time_base: seconds that the file's own times are counted in.
        duration: seconds, as the file says, or None.
        orientation: what makes its stored frames upright.
        still: whether it is one picture.
        color: its tags; BT.709's of pictures that are not stored as YUV.
        sample_aspect: width of a pixel over its height, upright.
        track: number of the picture track, from 1, cover art aside.
        tracks: how many there are.
        transparent: whether its first picture is, in some place; what is read of it is not.
        interlaced: whether its first picture is; what is read of it is not.
        scaled_from: width and height of a still that was larger than what players take, upright; else None.
        begins: seconds from where the file begins, sound included, to its first frame.
    """

    width: int
    height: int
    fps: Fraction
    time_base: Fraction
    duration: Fraction | None = None
    orientation: Orientation = AS_STORED
    still: bool = False
    color: ColorTags = STILL_COLOR
    sample_aspect: Fraction = Fraction(1)
    begins: Fraction = Fraction(0)
    track: int = 1
    tracks: int = 1
    transparent: bool = False
    interlaced: bool = False
    scaled_from: tuple[int, int] | None = None

    @property
    def scale(self) -> float:
        """Pixels of what is read for one of what was stored."""
        return 1.0 if self.scaled_from is None else self.width / self.scaled_from[0]


def probe(path: str | Path, track: int | None = None) -> VideoInfo:
    """Tell what a picture source is, decoding no more than its first frames.

    Args:
        path: a video or a still.
        track: number of the picture track, from 1; None takes the default one, of several the largest.

    Raises:
        InputError: missing, empty, a folder, or unreadable.
        NoVideoError: nothing in it decodes to a picture.
    """
    place = Path(path)
    check_file(place, "a video or picture")
    if is_image(place):
        image_bgr, alpha = read_whole(place)
        height, width = image_bgr.shape[:2]
        whole = VideoInfo(width=width, height=height, fps=STILL_FPS, time_base=1 / STILL_FPS)
        return _as_still(replace(whole, transparent=alpha is not None))
    with opened(place) as container:
        stream = video_stream(container, place, track)
        if min(stream.width, stream.height) > 0:  # else only its pictures tell
            check_size(place, stream.width, stream.height, most_pixels(stream))
        frames = decoded(container, stream)
        first = next(frames, None)
        if first is None:
            raise no_picture(place)
        _check_tiles(container, place)
        check_size(place, first.width, first.height, MOST_PIXELS_OF_STILL)
        info = _info(container, stream, first)
        if next(frames, None) is None:  # one picture (HEIC, AVIF, GIF), whose rate means nothing
            return _as_still(info)
        check_size(place, first.width, first.height)
        return info


def _as_still(info: VideoInfo) -> VideoInfo:
    size = shown_size(info.width, info.height)
    whole = (info.width, info.height)
    return replace(
        info,
        width=size[0],
        height=size[1],
        scaled_from=None if size == whole else whole,
        still=True,
        fps=STILL_FPS,
        duration=None,
    )


def _check_tiles(container: InputContainer, path: Path) -> None:
    import av

    if any(stream.disposition & av.stream.Disposition.dependent for stream in container.streams.video):
        raise InputError(
            expected=f"a picture in one piece in {path.name}",
            got="one in tiles, which cannot be joined here",
            fix="export it as JPEG or PNG",
        )


def _info(container: InputContainer, stream: Any, first: av.VideoFrame) -> VideoInfo:
    orientation = orientation_of(first)
    width, height = orientation.size(first.width, first.height)
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    length = stream.duration * stream.time_base if stream.duration else None
    if length is None and container.duration:
        length = Fraction(container.duration, 1_000_000)
    return VideoInfo(
        width=width,
        height=height,
        fps=nominal_rate(stream),
        time_base=Fraction(stream.time_base),
        duration=length,
        orientation=orientation,
        color=_tags(stream.codec_context, first),
        sample_aspect=1 / aspect if orientation.transposed and aspect else aspect or Fraction(1),
        begins=_begins(container, first),
        track=1 + [one.index for one in film_streams(container)].index(stream.index),
        tracks=len(film_streams(container)),
        interlaced=bool(first.interlaced_frame),
        transparent=has_alpha(first) and bool((alpha_plane(first) < OPAQUE).any()),
    )


def _tags(context: Any, first: av.VideoFrame) -> ColorTags:
    """Return the tags that pictures go out with: the file's own, or BT.709 where it stores red, green and blue.

    Those have to be converted for every codec that players know, and "RGB" as a matrix is a lie then.
    """
    if first.format.is_rgb or first.format.has_palette:
        return STILL_COLOR
    return ColorTags(
        matrix=int(first.colorspace),
        range=int(first.color_range),
        primaries=int(context.color_primaries),
        transfer=int(context.color_trc),
    )


def _begins(container: InputContainer, first: av.VideoFrame) -> Fraction:
    if first.pts is None or first.time_base is None or container.start_time is None:
        return Fraction(0)
    late = first.pts * Fraction(first.time_base) - Fraction(container.start_time, 1_000_000)
    return late if 0 < late < LATEST_S else Fraction(0)


def nominal_rate(stream: Any) -> Fraction:
    """Return frames a second: FFmpeg's guess, and 25 where it makes no sense."""
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate):
        if rate and 1 <= rate <= 240:
            return Fraction(rate)
    return STILL_FPS


def check_range(start: float | Fraction, end: float | None) -> None:
    """Raise UsageError unless 0 <= start < end."""
    if not (isfinite(start) and start >= 0) or not (end is None or (isfinite(end) and end > start)):
        raise UsageError(expected="0 <= start < end, in seconds", got=f"start {start}, end {end}")
