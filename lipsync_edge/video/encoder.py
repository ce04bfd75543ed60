"""The one encoder configuration, for files and live outputs alike: codecs, speeds, qualities, colours, sound.

A picture is converted from BGR by the very colour tags that its stream is marked with. A player that is told nothing
guesses (BT.709 from 720 lines up, BT.601 below), and a guess that misses shifts every colour.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.types import F32, U8, Region
from lipsync_edge.video.color import ACCURATE, AREA, FULL_CHROMA_IN, FULL_RANGE, STILL_COLOR, ColorTags
from lipsync_edge.video.ordinary_threads import ordinary_threads
from lipsync_edge.video.picture_size import LARGE_PIXELS
from lipsync_edge.video.yuv import bare_copy, even, put

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer

CODECS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
SPEED = {
    "libx264": {"preset": "veryfast", "x264-params": "subme=1:partitions=i4x4,i8x8"},  # a third less time
    "libx265": {"preset": "veryfast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "6", "row-mt": "1", "b": "0"},
    "libsvtav1": {"preset": "10"},
}
# larger pictures than LARGE_PIXELS: at 4K each that x264 looks ahead takes 26 MB, and each B picture that others
# refer to 42
OF_LARGE = {"libx264": {"x264-params": f"{SPEED['libx264']['x264-params']}:bframes=1:rc-lookahead=8"}}
DEFAULT_CRF = {"libx264": 18, "libx265": 20, "libvpx-vp9": 24, "libsvtav1": 28}
LIVE_ENCODER = "libx264"
LIVE_SPEED = {"preset": "ultrafast", "tune": "zerolatency"}  # every picture leaves as it comes
LIVE_CRF = 20
ODD_SIZES = ("libvpx-vp9",)  # encoders that take an odd width or height in 4:2:0
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
OPUS_RATES = (48_000,)
BITS_A_CHANNEL = 96_000  # of sound, a second


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFormat:
    """Pictures that a `VideoEncoder` takes, and what they become.

    Attributes:
        encoder: FFmpeg's name of it.
        settings: the encoder's own options.
        size: width and height in pixels; where the encoder needs even ones, an odd last column or row is repeated.
        fps: nominal frames a second.
        time_base: unit of the timestamps, in seconds.
        color: the tags that pictures are converted by and marked with.
        sample_aspect: width of a pixel over its height.
        key_every: pictures from one key picture to the next at most; 0 leaves it to the encoder.
    """

    encoder: str
    settings: dict[str, str]
    size: tuple[int, int]
    fps: Fraction
    time_base: Fraction
    color: ColorTags = STILL_COLOR
    sample_aspect: Fraction = Fraction(1)
    key_every: int = 0


def file_settings(encoder: str, crf: int | None, size: tuple[int, int]) -> dict[str, str]:
    """Return options of an encoder that writes a file of pictures of a size in pixels.

    Without a CRF a visually lossless one is taken.
    """
    large = OF_LARGE.get(encoder, {}) if size[0] * size[1] > LARGE_PIXELS else {}
    return SPEED[encoder] | large | {"crf": str(DEFAULT_CRF[encoder] if crf is None else crf)}


def live_settings() -> dict[str, str]:
    """Return options of the encoder of a live output."""
    return LIVE_SPEED | {"crf": str(LIVE_CRF)}


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The part of a picture in which it differs from its decoded source, widened to whole chroma samples.

    Attributes:
        pixels: uint8 (h, w, 3), a copy; None: nothing differs.
        rows: where it lies.
        columns: the same.
    """

    pixels: U8 | None
    rows: slice
    columns: slice


class VideoEncoder:
    """One video stream of an output container: converts, tags and encodes pictures.

    Args:
        container: opened for writing by PyAV.
        what: what the pictures are and become.
    """

    def __init__(self, container: OutputContainer, what: PictureFormat) -> None:
        self.what = what
        width, height = what.size
        odd = (0, 0) if what.encoder in ODD_SIZES else (width % 2, height % 2)
        self._repeated_columns, self._repeated_rows = odd
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 tells of errors alone, else of itself at length
        stream: Any = container.add_stream(what.encoder, rate=what.fps, options=dict(what.settings))
        stream.width, stream.height, stream.pix_fmt = width + odd[0], height + odd[1], "yuv420p"
        if what.sample_aspect != 1:
            stream.sample_aspect_ratio = what.sample_aspect
        context = stream.codec_context
        context.time_base = what.time_base
        if what.key_every:
            context.gop_size = what.key_every
        context.colorspace, context.color_range = what.color.matrix, what.color.range
        context.color_primaries, context.color_trc = what.color.primaries, what.color.transfer
        self._stream = stream

    def encode(self, picture: av.VideoFrame, pts: int) -> list[Any]:
        """Encode a picture of `convert` or `keep`, shown from pts · time_base seconds on."""
        picture.pts, picture.time_base = pts, self.what.time_base
        if self._stream.codec_context.is_open:
            return list(self._stream.encode(picture))
        with ordinary_threads():
            return list(self._stream.encode(picture))

    def flush(self) -> list[Any]:
        """Give the last packets; none when not one picture was encoded."""
        return list(self._stream.encode(None)) if self._stream.codec_context.is_open else []

    def convert(self, image_bgr: U8) -> av.VideoFrame:
        """Convert a picture, uint8 (H, W, 3), of any size; an odd one is made even where the encoder needs it."""
        import av

        below, right = self._repeated_rows, self._repeated_columns
        if below or right:
            padded = cv2.copyMakeBorder(image_bgr, 0, below, 0, right, cv2.BORDER_REPLICATE)
            image_bgr = np.asarray(padded, np.uint8)
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_bgr), format="bgr24")
        color = self.what.color
        return picture.reformat(
            format="yuv420p",
            src_color_range=FULL_RANGE,
            dst_colorspace=color.sws_matrix,
            dst_color_range=color.sws_range,
            interpolation=AREA | ACCURATE | FULL_CHROMA_IN,
            threads=1,
        )

    def patch(self, image_bgr: U8, changed: Region | None) -> Patch:
        """Copy the changed part of a picture, uint8 (H, W, 3); None: nothing differs from its source."""
        if changed is None:
            return Patch(None, slice(0), slice(0))
        rows, columns = even(changed, *self.what.size)
        return Patch(image_bgr[rows, columns].copy(), rows, columns)

    def keep(self, source: av.VideoFrame, patch: Patch) -> av.VideoFrame:
        """Convert only the part of a picture that differs; the rest is its decoded source, bit for bit.

        Args:
            source: decoded, 4:2:0, of the same matrix and range; where it `fits`.
            patch: what differs.
        """
        picture = bare_copy(source)
        if patch.pixels is not None:
            put(self.convert(patch.pixels), picture, patch.rows, patch.columns)
        return picture

    def fits(self, source: av.VideoFrame) -> bool:
        """Whether a decoded source is of the encoder's size."""
        return (source.width, source.height) == self.what.size


class AudioEncoder:
    """One audio stream of an output container.

    Args:
        container: opened for writing by PyAV.
        encoder: "aac" or "libopus".
        rate: samples a second of what `encode` takes; one that the encoder lacks is resampled to the next above.
        channels: 1 or 2.
    """

    def __init__(self, container: OutputContainer, encoder: str, *, rate: int, channels: int = 1) -> None:
        rates = OPUS_RATES if encoder == "libopus" else AAC_RATES
        taken = min((there for there in rates if there >= rate), default=rates[-1])
        self._layout = "mono" if channels == 1 else "stereo"
        stream: Any = container.add_stream(encoder, rate=taken)
        stream.codec_context.layout = self._layout
        stream.bit_rate = BITS_A_CHANNEL * channels
        self._stream, self._rate, self._samples = stream, rate, 0

    def encode(self, pcm: F32 | npt.NDArray[np.int16]) -> list[Any]:
        """Encode sound that follows what came before, float32 -1…1 or int16, (n, channels) or mono (n,)."""
        import av

        if not len(pcm):
            return []
        is_float = pcm.dtype == np.float32
        samples = np.clip(pcm, -1.0, 1.0) if is_float else pcm
        packed = np.ascontiguousarray(samples).reshape(1, -1)
        piece = av.AudioFrame.from_ndarray(packed, format="flt" if is_float else "s16", layout=self._layout)
        piece.sample_rate, piece.pts, piece.time_base = self._rate, self._samples, Fraction(1, self._rate)
        self._samples += len(pcm)
        return list(self._stream.encode(piece))

    def flush(self) -> list[Any]:
        """Give the last packets; none when nothing was encoded."""
        return list(self._stream.encode(None)) if self._stream.codec_context.is_open else []
