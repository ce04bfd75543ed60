"""Video file writer: encodes once, with exact timestamps, beside the output's name until the file is complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING

from lipsync_edge.atomic_write import check_place
from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.types import F32, U8, Region
from lipsync_edge.video.color import STILL_COLOR, ColorTags
from lipsync_edge.video.encoder import (
    CODECS,
    AudioEncoder,
    Patch,
    PictureFormat,
    VideoEncoder,
    file_settings,
)
from lipsync_edge.video.output_file import OutputFile

if TYPE_CHECKING:
    import av

CONTAINERS = {
    ".mp4": ("libx264", "aac"),
    ".mov": ("libx264", "aac"),
    ".mkv": ("libx264", "aac"),
    ".webm": ("libvpx-vp9", "libopus"),
}
FINEST_TICK = Fraction(1, 1_000_000)
USUAL_TICK = Fraction(1, 90_000)

TAKEN = {".mov": ("h264", "hevc"), ".webm": ("vp9", "av1")}  # codecs; the others take all


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFormat:
    """What is written.

    Attributes:
        width: pixels; an odd width is padded by repeating the last column (4:2:0 needs even sizes, but in VP9).
        height: pixels; likewise.
        fps: nominal frames a second.
        time_base: unit of the timestamps, in seconds.
        color: the tags that pictures are converted by and marked with.
        sample_aspect: width of a pixel over its height.
        codec: "" for the container's usual one, or a name of `CODECS`.
        crf: quality, lower is better; None for a visually lossless default.
        sound_rate: samples a second, 0 for no sound.
        sound_channels: 1 or 2.
        tags: metadata of the container, by names that it knows.
    """

    width: int
    height: int
    fps: Fraction
    time_base: Fraction
    color: ColorTags = STILL_COLOR
    sample_aspect: Fraction = Fraction(1)
    codec: str = ""
    crf: int | None = None
    sound_rate: int = 0
    sound_channels: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)


def check_output(path: Path, codec: str = "") -> None:
    """Refuse an output name that cannot become a video, before anything is computed.

    Raises:
        UsageError: see `check_codec`.
        OutputError: see `lipsync_edge.atomic_write.check_place`.
    """
    check_codec(path, codec)
    check_place(path)
    if path.exists() and not path.is_file():
        raise OutputError(
            expected=f"a file, or nothing yet, at {path}",
            got="a pipe or a device",
            fix="live --out streams into one",
        )


def check_codec(path: Path, codec: str = "") -> None:
    """Raise UsageError for an unknown extension or codec, or where the one does not take the other."""
    if path.suffix.lower() not in CONTAINERS:
        raise UsageError(expected=f"an output name ending in {', '.join(CONTAINERS)}", got=path.name)
    if codec and codec not in CODECS:
        raise UsageError(expected=f"a codec out of {', '.join(CODECS)}", got=repr(codec))
    taken = TAKEN.get(path.suffix.lower(), tuple(CODECS))
    if codec and codec not in taken:
        raise UsageError(
            expected=f"a codec that {path.suffix} takes: {', '.join(taken)}",
            got=codec,
            fix="or write .mp4 or .mkv",
        )


def exact_tick(fps: Fraction, time_base: Fraction) -> Fraction:
    """Return the unit in which both the frame rate's grid and the source's own times are whole numbers.

    Where that would be finer than a microsecond it is 1/90000 s, MPEG's clock.
    """
    tick = Fraction(1, lcm((1 / fps).denominator, time_base.denominator))
    return tick if tick >= FINEST_TICK else USUAL_TICK


class VideoWriter:
    """Encodes frames and sound; `close` puts the file in its place, `discard` leaves nothing behind.

    As a context manager it closes on success and discards on any exception.

    Args:
        path: its name.
        what: what is written.
        finish: called with the finished file before it takes its name; it may change it, and raises nothing.
    """

    def __init__(
        self, path: Path, what: VideoFormat, finish: Callable[[Path], None] = lambda path: None
    ) -> None:
        check_output(path, what.codec)
        self.path = path
        self.what = what
        self._tick = exact_tick(what.fps, what.time_base)
        self._last = -1
        self._file = OutputFile(path, what.tags, finish)
        with self._file.beginning():
            self._video = self._add_video()
            self._sound = self._add_sound()

    def _add_video(self) -> VideoEncoder:
        what = self.what
        encoder = CODECS[what.codec] if what.codec else CONTAINERS[self.path.suffix.lower()][0]
        return VideoEncoder(
            self._file.container,
            PictureFormat(
                encoder=encoder,
                settings=file_settings(encoder, what.crf, (what.width, what.height)),
                size=(what.width, what.height),
                fps=what.fps,
                time_base=self._tick,
                color=what.color,
                sample_aspect=what.sample_aspect,
            ),
        )

    def _add_sound(self) -> AudioEncoder | None:
        if not self.what.sound_rate:
            return None
        encoder = CONTAINERS[self.path.suffix.lower()][1]
        return AudioEncoder(
            self._file.container, encoder, rate=self.what.sound_rate, channels=self.what.sound_channels
        )

    def write(
        self,
        image_bgr: U8,
        time: Fraction,
        source: av.VideoFrame | None = None,
        changed: Region | None = None,
    ) -> None:
        """Encode one picture, shown from `time` seconds on.

        Args:
            image_bgr: uint8 (H, W, 3).
            time: seconds; times must grow.
            source: the decoded picture it was made from, of the same matrix and range: outside the changed part
                nothing is converted, so that not one bit of it changes before encoding.
            changed: the part in which the picture may differ from its source; None: it does not.
        """
        patch = self.patch(image_bgr, source, changed)
        if source is not None and patch is not None:
            self.write_patch(patch, time, source)
        else:
            self._write(self._video.convert(image_bgr), time)

    def patch(
        self, image_bgr: U8, source: av.VideoFrame | None = None, changed: Region | None = None
    ) -> Patch | None:
        """Copy what `write_patch` needs of a picture; None where all of it is needed. Arguments as of `write`."""
        fits = source is not None and self._video.fits(source)
        return self._video.patch(image_bgr, changed) if fits else None

    def write_patch(self, patch: Patch, time: Fraction, source: av.VideoFrame) -> None:
        """Encode a picture, shown from `time` seconds on, that differs from its decoded source by a patch alone."""
        self._write(self._video.keep(source, patch), time)

    def _write(self, picture: av.VideoFrame, time: Fraction) -> None:
        self._last = max(self._last + 1, round(time / self._tick))
        self._file.mux(lambda: self._video.encode(picture, self._last))

    def write_sound(self, samples: F32) -> None:
        """Encode sound, float32 (n, channels), -1…1, that follows what was written before."""
        sound = self._sound
        if sound is not None:
            self._file.mux(lambda: sound.encode(samples))

    def close(self) -> None:
        """Finish the file and rename it to its own name, replacing an older one."""
        streams = (self._video, self._sound)
        self._file.close([stream.flush for stream in streams if stream is not None])

    def discard(self) -> None:
        """Remove the unfinished file; nothing happens after `close`."""
        self._file.discard()

    def __enter__(self) -> VideoWriter:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close after success, discard after an exception."""
        if kind is None:
            self.close()
        else:
            self.discard()
