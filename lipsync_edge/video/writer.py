"""Writing the result: one encode, exact timestamps, beside the output's name until it is complete."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.types import F32, U8, Region
from lipsync_edge.video.color import ACCURATE, AREA, FULL_CHROMA_IN, FULL_RANGE, STILL_COLOR, ColorTags
from lipsync_edge.video.yuv import bare_copy, even, put

if TYPE_CHECKING:
    import av

CONTAINERS = {
    ".mp4": ("libx264", "aac"),
    ".mov": ("libx264", "aac"),
    ".mkv": ("libx264", "aac"),
    ".webm": ("libvpx-vp9", "libopus"),
}
CODECS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
SPEED = {
    "libx264": {"preset": "veryfast", "x264-params": "subme=1:partitions=i4x4,i8x8"},  # a third less time
    "libx265": {"preset": "veryfast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "6", "row-mt": "1", "b": "0"},
    "libsvtav1": {"preset": "10"},
}
DEFAULT_CRF = {"libx264": 18, "libx265": 20, "libvpx-vp9": 24, "libsvtav1": 28}
FINEST_TICK = Fraction(1, 1_000_000)
USUAL_TICK = Fraction(1, 90_000)
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


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


def check_output(path: Path, codec: str = "") -> None:
    """Refuse an output name that cannot become a video, before anything is computed.

    Raises:
        UsageError: unknown extension or codec.
        OutputError: the folder does not exist or cannot be written to.
    """
    if path.suffix.lower() not in CONTAINERS:
        raise UsageError(expected=f"an output name ending in {', '.join(CONTAINERS)}", got=path.name)
    if codec and codec not in CODECS:
        raise UsageError(expected=f"a codec out of {', '.join(CODECS)}", got=repr(codec))
    if path.is_dir():
        raise OutputError(expected="a file name for the output", got=f"the folder {path}")
    if not path.parent.is_dir():
        raise OutputError(expected=f"the folder {path.parent}", got="nothing there", fix="make it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(expected=f"a folder that can be written to at {path.parent}", got="no permission")


def exact_tick(fps: Fraction, time_base: Fraction) -> Fraction:
    """Return the unit in which both the frame rate's grid and the source's own times are whole numbers.

    Where that would be finer than a microsecond it is 1/90000 s, MPEG's clock.
    """
    tick = Fraction(1, lcm((1 / fps).denominator, time_base.denominator))
    return tick if tick >= FINEST_TICK else USUAL_TICK


class VideoWriter:
    """Encodes frames and sound; `close` puts the file in its place, `discard` leaves nothing behind.

    As a context manager it closes on success and discards on any exception.
    """

    def __init__(self, path: Path, what: VideoFormat) -> None:
        import av

        check_output(path, what.codec)
        self.path = path
        self.what = what
        self._beside = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
        self._tick = exact_tick(what.fps, what.time_base)
        self._last = -1
        self._size = what.width, what.height
        options = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".mov") else {}
        try:
            self._container: Any = av.open(str(self._beside), "w", options=options)
            self._video: Any = self._add_video()
            self._sound: Any = self._add_sound()
        except (av.FFmpegError, OSError, ValueError) as error:
            self.discard()
            raise OutputError(expected=f"a writable {path.suffix} at {path}", got=_reason(error)) from error

    def _add_video(self) -> Any:
        name = CODECS[self.what.codec] if self.what.codec else CONTAINERS[self.path.suffix.lower()][0]
        crf = DEFAULT_CRF[name] if self.what.crf is None else self.what.crf
        stream = self._container.add_stream(name, rate=self.what.fps, options=SPEED[name] | {"crf": str(crf)})
        # VP9 can do odd sizes in 4:2:0, the others cannot
        self._filled = (0, 0) if name == "libvpx-vp9" else (self.what.height % 2, self.what.width % 2)
        stream.width, stream.height = self.what.width + self._filled[1], self.what.height + self._filled[0]
        stream.pix_fmt = "yuv420p"
        if self.what.sample_aspect != 1:
            stream.sample_aspect_ratio = self.what.sample_aspect
        context = stream.codec_context
        context.time_base = self._tick
        context.colorspace, context.color_range = self.what.color.matrix, self.what.color.range
        context.color_primaries, context.color_trc = self.what.color.primaries, self.what.color.transfer
        return stream

    def _add_sound(self) -> Any:
        if not self.what.sound_rate:
            return None
        codec = CONTAINERS[self.path.suffix.lower()][1]
        rates = (48_000,) if codec == "libopus" else AAC_RATES
        rate = min((rate for rate in rates if rate >= self.what.sound_rate), default=rates[-1])
        stream = self._container.add_stream(codec, rate=rate)
        stream.codec_context.layout = "mono" if self.what.sound_channels == 1 else "stereo"
        stream.bit_rate = 96_000 * self.what.sound_channels
        self._samples = 0
        return stream

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
        fits = source is not None and (source.width, source.height) == self._size
        picture = (
            self._repainted(image_bgr, source, changed) if source and fits else self._to_yuv420p(image_bgr)
        )
        self._last = max(self._last + 1, round(time / self._tick))
        picture.pts, picture.time_base = self._last, self._tick
        self._mux(self._video, picture)

    def _repainted(self, image_bgr: U8, source: av.VideoFrame, changed: Region | None) -> av.VideoFrame:
        picture = bare_copy(source)
        if changed is not None:
            rows, columns = even(changed, *self._size)
            put(self._to_yuv420p(image_bgr[rows, columns]), picture, rows, columns)
        return picture

    def _to_yuv420p(self, frame_bgr: U8) -> av.VideoFrame:
        import av

        if any(self._filled):
            down, right = self._filled
            frame_bgr = np.asarray(
                cv2.copyMakeBorder(frame_bgr, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8
            )
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_bgr), format="bgr24")
        color = self.what.color
        return picture.reformat(
            format="yuv420p",
            src_color_range=FULL_RANGE,
            dst_colorspace=color.sws_matrix,
            dst_color_range=color.sws_range,
            interpolation=AREA | ACCURATE | FULL_CHROMA_IN,
            threads=1,
        )

    def write_sound(self, samples: F32) -> None:
        """Encode sound, float32 (n, channels), -1…1, that follows what was written before."""
        import av

        if self._sound is None or not len(samples):
            return
        layout = "mono" if samples.shape[1] == 1 else "stereo"
        clipped = np.clip(samples, -1.0, 1.0).reshape(1, -1)
        piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(clipped), format="flt", layout=layout)
        piece.sample_rate = self.what.sound_rate
        piece.pts, piece.time_base = self._samples, Fraction(1, self.what.sound_rate)
        self._samples += len(samples)
        self._mux(self._sound, piece)

    def _mux(self, stream: Any, frame: Any) -> None:
        import av

        try:
            for packet in stream.encode(frame):
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(expected=f"to write {self.path}", got=_reason(error)) from error

    def close(self) -> None:
        """Finish the file and rename it to its own name, replacing an older one."""
        import av

        try:
            for stream in (self._video, self._sound):
                if stream is not None:
                    self._mux(stream, None)
            self._container.close()
            self._beside.replace(self.path)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(expected=f"to finish {self.path}", got=_reason(error)) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the unfinished file; nothing happens after `close`."""
        container = getattr(self, "_container", None)
        if container is not None:
            try:
                container.close()
            except Exception as error:  # a container that failed may fail again while it closes
                del error
            self._container = None
        self._beside.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close after success, discard after an exception."""
        if kind is None:
            self.close()
        else:
            self.discard()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
