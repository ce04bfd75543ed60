"""Encoders of a session's WebRTC viewers: pictures into H.264 or VP8, sound into Opus."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal, TypeAlias

import av
import numpy as np
from av.video.frame import PictureType

from lipsync_edge.audio.resample import Resampler, to_float32
from lipsync_edge.live.slot import I16
from lipsync_edge.types import U8

Codec = Literal["H264", "VP8"]
Packet: TypeAlias = "av.Packet[Any]"

VIDEO_CLOCK, OPUS_RATE = 90_000, 48_000
OPUS_PACKET = OPUS_RATE // 50
OPUS_BITS = 48_000  # a second, mono
BITS_A_PIXEL = 0.1  # of a talking head that looks well
LEAST_BITS, MOST_BITS = 250_000, 8_000_000  # a second, where the network allows it
NARROWEST_BITS = 120_000  # a second, that a network may bring it down to
ENCODERS: dict[Codec, tuple[str, dict[str, str]]] = {
    "H264": (
        "libx264",
        {"preset": "superfast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"},
    ),
    "VP8": (
        "libvpx",
        {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"},
    ),
}
_BT601, _LIMITED, _FULL = 5, 1, 2  # of swscale: what WebRTC takes pictures to be


def usual_bits(size: tuple[int, int], fps: Fraction) -> int:
    """Return the bits a second for pictures of a size (width, height), where the network allows it."""
    return round(min(max(BITS_A_PIXEL * size[0] * size[1] * float(fps), LEAST_BITS), MOST_BITS))


class RtcVideoEncoder:
    """One picture in, one packet out; a key picture only when it is asked for.

    Args:
        codec: "H264" or "VP8".
        size: width and height; an odd last column or row is left out.
        fps: pictures a second.
        bits: a second, to begin with; see `bits`.
    """

    def __init__(self, codec: Codec, size: tuple[int, int], fps: Fraction, bits: int) -> None:
        self._codec, self._fps = codec, fps
        self._size = size[0] // 2 * 2, size[1] // 2 * 2
        self._context = self._open(bits)

    def _open(self, bits: int) -> Any:
        name, options = ENCODERS[self._codec]
        context: Any = av.CodecContext.create(name, "w")
        context.width, context.height = self._size
        context.pix_fmt = "yuv420p"
        context.framerate, context.time_base = self._fps, Fraction(1, VIDEO_CLOCK)
        context.bit_rate = bits
        context.gop_size = 1 << 20
        context.thread_count = 1
        context.colorspace, context.color_range = 6, 1
        most = usual_bits(self._size, self._fps)
        # x264 takes another rate while it runs only where a buffer model was there from the beginning
        context.options = options | {"maxrate": str(max(most, bits)), "bufsize": str(max(most, bits) // 2)}
        return context

    @property
    def bits(self) -> int:
        """Bits a second; may be changed while it runs."""
        return int(self._context.bit_rate)

    @bits.setter
    def bits(self, bits: int) -> None:
        if self._codec == "H264":
            self._context.bit_rate = bits
        else:  # FFmpeg tells libvpx nothing of it while it runs
            self._context = self._open(bits)

    def encode(self, image_bgr: U8, time: Fraction, *, key: bool) -> list[Packet]:
        """Encode a picture, uint8 (H, W, 3), shown at `time` seconds, as a key picture where that is asked for."""
        width, height = self._size
        shown = np.ascontiguousarray(image_bgr[:height, :width])
        picture = av.VideoFrame.from_ndarray(shown, format="bgr24").reformat(
            format="yuv420p",
            src_color_range=_FULL,
            dst_colorspace=_BT601,
            dst_color_range=_LIMITED,
            threads=1,
        )
        picture.pts, picture.time_base = round(time * VIDEO_CLOCK), Fraction(1, VIDEO_CLOCK)
        picture.pict_type = PictureType.I if key else PictureType.NONE
        return list(self._context.encode(picture))


class RtcAudioEncoder:
    """Sound in, Opus packets of 20 ms out; packet times count on the session's clock.

    Args:
        rate: samples a second of what comes.
        start: time of its first sample, in seconds.
    """

    def __init__(self, rate: int, start: Fraction) -> None:
        context: Any = av.CodecContext.create("libopus", "w")
        context.sample_rate, context.layout, context.format = OPUS_RATE, "mono", "s16"
        context.bit_rate = OPUS_BITS
        context.options = {"application": "audio", "frame_duration": "20"}
        self._context = context
        self._resampler = Resampler(rate, OPUS_RATE)
        self._rest = np.zeros(0, np.int16)
        self._at = round(start * OPUS_RATE)

    def encode(self, pcm: I16) -> list[Packet]:
        """Encode sound, int16 (n,), that follows what came before."""
        sound = self._resampler.push(to_float32(pcm))
        levels = np.clip(np.rint(sound * 32767.0), -32768, 32767).astype(np.int16)
        waiting = np.concatenate([self._rest, levels])
        packets: list[Packet] = []
        whole = len(waiting) // OPUS_PACKET * OPUS_PACKET
        for at in range(0, whole, OPUS_PACKET):
            piece = av.AudioFrame.from_ndarray(
                waiting[None, at : at + OPUS_PACKET], format="s16", layout="mono"
            )
            piece.sample_rate, piece.time_base, piece.pts = OPUS_RATE, Fraction(1, OPUS_RATE), self._at
            self._at += OPUS_PACKET
            packets += self._context.encode(piece)
        self._rest = waiting[whole:]
        return packets
