"""A video forwards, once, and then any stretch of it backwards, in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import cv2
import numpy as np

from lipsync_edge.errors import NoVideoError
from lipsync_edge.types import U8, Frame, Region
from lipsync_edge.video.alpha import WHITE, Color, has_alpha, laid_on_background
from lipsync_edge.video.color import ACCURATE, BICUBIC, FULL_CHROMA_OUT, FULL_RANGE, POINT
from lipsync_edge.video.container import check_file, decoded, no_picture, opened, video_stream
from lipsync_edge.video.interlace import Deinterlacer
from lipsync_edge.video.probe import VideoInfo, check_range, probe
from lipsync_edge.video.still_image import read_image
from lipsync_edge.video.still_kinds import is_image
from lipsync_edge.video.yuv import bare_copy, bare_part, even, is_420, plane

if TYPE_CHECKING:
    import av

_HELD_BYTES = 96 << 20  # decoded frames kept while going backwards
PartOf = Callable[[int], Region | None]  # number of a frame → the part that is wanted in BGR; None: all of it
_RUN_UP = 16  # frames decoded before a wanted one, for files whose index counts in decoding order


class VideoReader:
    """Frames of a video file, upright, from `start` to before `end`, their times counted from the first of them.

    Reading it through once notes every frame's time and a checksum (16 bytes a frame), by which `backward`, that may
    be called afterwards, knows whether a search in the file led to the right frames.

    Args:
        path: a video (not a still).
        start: seconds from the beginning of the file.
        end: seconds from the beginning of the file, or None for all of it.
        track: see `lipsync_edge.video.probe.probe`.
        background: what transparent parts are laid on.
        part_of: says which part of each frame is wanted in BGR, where its pictures lie as 4:2:0 as they are shown;
            `Frame.part` says whether that is all there is.

    Attributes:
        ended: whether the file ended there, and not the part that was asked for; known after the first pass.

    Raises:
        InputError: it cannot be read; NoVideoError: not a frame of it decodes.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        start: float | Fraction = 0.0,
        end: float | None = None,
        track: int | None = None,
        background: Color = WHITE,
        part_of: PartOf = lambda position: None,
    ) -> None:
        check_range(start, end)
        self.path, self._background, self._part_of = Path(path), background, part_of
        self.info: VideoInfo = probe(self.path, track)
        self._start = Fraction(start).limit_denominator(1_000_000)
        self._end = None if end is None else Fraction(end).limit_denominator(1_000_000)
        self._pts = array("q")  # of the frames from start to end
        self._sums = array("q")  # their checksums
        self._origin: int | None = None  # pts of the file's first frame
        self._skipped = 0  # frames before start
        self._seekable = True
        self._complete = False
        self.ended = True

    def __len__(self) -> int:
        """Return the number of frames; known after the first pass."""
        return len(self._pts)

    def __iter__(self) -> Iterator[Frame]:
        """Read forwards.

        Raises:
            NoVideoError: there is no frame between start and end.
        """
        count = 0
        for frame, pts in self._numbered():
            time = self._file_time(pts)
            if time < self._start:
                self._skipped += not self._complete
                continue
            if self._end is not None and time >= self._end:
                self.ended = False
                break
            if not self._complete:
                self._pts.append(pts)
                self._sums.append(_checksum(frame))
            yield self._frame(frame, count)
            count += 1
        if not count and self._skipped:
            raise NoVideoError(
                expected=f"pictures from second {float(self._start):g} on in {self.path.name}",
                got="a film that ends before" if self.ended else "none before the end that was asked for",
            )
        if not count:
            raise no_picture(self.path)
        self._complete = True

    def time(self, position: int) -> Fraction:
        """Return seconds from frame 0 to frame `position`."""
        return self._file_time(self._pts[position]) - self._file_time(self._pts[0])

    def backward(self) -> Iterator[Frame]:
        """Read from the last frame to the first; times are those of the forward pass, so they fall."""
        assert self._complete, "the first pass was not finished"
        bytes_each = self.info.width * self.info.height * 3
        chunk = max(1, _HELD_BYTES // bytes_each)
        for high in range(len(self), 0, -chunk):
            low = max(0, high - chunk)
            held = self._stretch(low, high)
            for offset in range(len(held) - 1, -1, -1):
                yield self._frame(held.pop(), low + offset)

    def _stretch(self, low: int, high: int) -> list[av.VideoFrame]:
        """Decode frames low to high − 1, from the nearest key frame where the file can be searched."""
        if self._seekable:
            wanted = self._pts[low:high]
            found = {pts: frame for frame, pts in self._numbered(low, high) if pts >= wanted[0]}
            if all(
                pts in found and _checksum(found[pts]) == checksum
                for pts, checksum in zip(wanted, self._sums[low:high], strict=True)
            ):
                return [found[pts] for pts in wanted]
            self._seekable = False
        return [frame for frame, _ in islice(self._numbered(), self._skipped + low, self._skipped + high)]

    def _numbered(self, low: int | None = None, high: int = 0) -> Iterator[tuple[av.VideoFrame, int]]:
        """Decode frames and their pts, rising strictly; from shortly before frame `low` to `high` when given."""
        step = max(1, round(1 / (self.info.fps * self.info.time_base)))
        last: int | None = None
        with opened(self.path) as container:
            stream = video_stream(container, self.path, self.info.track)
            if low is not None:
                container.seek(self._pts[max(0, low - _RUN_UP)], stream=stream, backward=True)
            frames, deinterlacer, more = decoded(container, stream), Deinterlacer(), True
            while more:
                stored = next(frames, None)
                more = stored is not None
                for frame in deinterlacer.push(stored):
                    pts = frame.pts
                    if pts is None or (last is not None and pts <= last):
                        pts = 0 if last is None else last + step
                        self._seekable = False
                    if low is None and self._origin is None:
                        self._origin = pts
                    last = pts
                    yield frame, pts
                    if low is not None and pts >= self._pts[high - 1]:
                        return

    def _file_time(self, pts: int) -> Fraction:
        """Seconds from the file's first frame, put on the frame rate's grid when less than one tick beside it."""
        time = (pts - (self._origin or 0)) * self.info.time_base
        on_grid = round(time * self.info.fps) / self.info.fps
        return on_grid if abs(time - on_grid) <= self.info.time_base else time

    def _frame(self, decoded: av.VideoFrame, position: int) -> Frame:
        wanted = self._part_of(position)
        if wanted is not None and self._lies_as_shown(decoded):
            image_bgr, part = self._partly(decoded, wanted)
            return Frame(position, self.time(position), image_bgr, decoded, part=part)
        image_bgr, source = self.upright(decoded)
        return Frame(position, self.time(position), image_bgr, source)

    def _lies_as_shown(self, frame: av.VideoFrame) -> bool:
        """Whether a stored picture is 4:2:0, of the usual size, and not turned."""
        info = self.info
        same_size = (frame.width, frame.height) == (info.width, info.height)
        return same_size and info.orientation.as_stored and is_420(frame)

    def _partly(self, frame: av.VideoFrame, wanted: Region) -> tuple[U8, Region]:
        """Convert a part of a picture that lies as it is shown, in an array of the whole size; and say which part."""
        height, width = frame.height, frame.width
        picture = np.empty((height, width, 3), np.uint8)
        rows, columns = even(wanted, width, height)
        part = Region(columns.start, rows.start, columns.stop, rows.stop)
        if min(part.size) > 0:
            self._to_bgr(bare_part(frame, rows, columns), part.size, POINT, part.view(picture))
        return picture, part

    def _to_bgr(
        self, frame: av.VideoFrame, size: tuple[int, int], scaling: int, into: U8 | None = None
    ) -> tuple[U8, av.VideoFrame]:
        """Convert to BGR, uint8 (H, W, 3) of a size (width, height); with it the planes it was made of."""
        planes = frame.reformat(
            *size,
            # bit for bit what bgr24 gives, and faster: swscale has SIMD code for planes
            format="gbrap" if has_alpha(frame) else "gbrp",
            src_colorspace=self.info.color.sws_matrix,
            src_color_range=self.info.color.sws_range,
            dst_color_range=FULL_RANGE,
            # repeated chroma on the way in and its mean on the way out undo each other exactly
            interpolation=scaling | ACCURATE | FULL_CHROMA_OUT,
            threads=1,
        )
        green, blue, red = (plane(planes, i) for i in range(3))
        return np.asarray(cv2.merge([blue, green, red], into), np.uint8), planes

    def upright(self, frame: av.VideoFrame) -> tuple[U8, av.VideoFrame | None]:
        """Convert to BGR, turned as the file says; with it, where it lay as it came, the picture as it was stored.

        A picture of another size than the first (calls, joined clips) is fitted in, its shape kept, on black.
        """
        info = self.info
        size = info.orientation.size(info.width, info.height)
        same_size = (frame.width, frame.height) == size
        # where a file says that its chroma samples lie is dropped: pictures on the way out do not say so either
        bare = bare_copy(frame) if is_420(frame) else frame
        fitted = size if info.still else _fitted(frame.width, frame.height, *size)
        picture, planes = self._to_bgr(bare, fitted, POINT if same_size else BICUBIC)
        if has_alpha(frame):
            picture = laid_on_background(picture, plane(planes, 3), self._background)
        if not same_size:
            picture = _centred(picture, *size)
        if not info.orientation.as_stored:
            return info.orientation.upright(picture), None
        return picture, bare if same_size and bare is not frame else None


def read_still(path: str | Path, background: Color = WHITE) -> U8:
    """Read a picture of any kind that `probe` calls a still, upright and opaque, uint8 (H, W, 3) BGR."""
    place = Path(path)
    check_file(place, "a picture")
    if is_image(place):
        return read_image(place, background)
    return next(iter(VideoReader(place, background=background))).image_bgr


def _fitted(width: int, height: int, most_wide: int, most_high: int) -> tuple[int, int]:
    """Return the largest size of this shape that fits in."""
    scale = min(Fraction(most_wide, width), Fraction(most_high, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _centred(picture: U8, width: int, height: int) -> U8:
    """Put a picture, uint8 (h, w, 3), in the middle of a black one, (height, width, 3), that is no smaller."""
    left, above = (width - picture.shape[1]) // 2, (height - picture.shape[0]) // 2
    right, below = width - picture.shape[1] - left, height - picture.shape[0] - above
    padded = cv2.copyMakeBorder(picture, above, below, left, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    return np.asarray(padded, np.uint8)


def _checksum(frame: av.VideoFrame) -> int:
    """Checksum of every fourth row of the first plane, its padding left out."""
    return crc32(plane(frame, 0)[::4].tobytes())
