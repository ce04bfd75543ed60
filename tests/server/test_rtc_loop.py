"""A moving avatar at rest is encoded once: what is sent again decodes to its pictures, into speech and out of it."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

pytest.importorskip("aiortc")

from lipsync_edge.pipeline.frame import StreamFrame
from lipsync_edge.server.rtc.encode import Codec, Packet, RtcVideoEncoder, usual_bits
from lipsync_edge.server.rtc.loop import EncodedLoop, Unit
from lipsync_edge.server.rtc.pictures import CHAIN_S, KEY_EVERY_S, RtcPictures
from lipsync_edge.types import U8
from tests.live.fakes import FPS, RATE, make_avatar, make_engine, speech
from tests.server.moving import PERIOD, SIDE, moving_stream

SIZE = (SIDE, SIDE)
USUAL = usual_bits(SIZE, FPS)
CHAIN = round(CHAIN_S * FPS)


class Watched:
    """Pictures of one codec, a decoder that gets all that is sent, and how often was encoded."""

    def __init__(self, codec: Codec) -> None:
        self.encoder = RtcVideoEncoder(codec, SIZE, FPS, USUAL)
        self.pictures = RtcPictures(self.encoder, USUAL)
        self.encoded, self.sent, self.times = 0, 0, [-1]
        self.keys: list[bool] = []
        self.worst = 0.0  # mean difference of a decoded picture from what it shows, in grey levels
        self._decoder: Any = av.CodecContext.create({"H264": "h264", "VP8": "vp8"}[codec], "r")
        encode = self.encoder.encode

        def counted(image_bgr: U8, time: Fraction, *, key: bool) -> list[Packet]:
            self.encoded += 1
            return encode(image_bgr, time, key=key)

        self.encoder.encode = counted  # type: ignore[method-assign]

    def show(self, frames: Iterator[StreamFrame]) -> int:
        """Send frames; return how many were encoded for it."""
        before = self.encoded
        for frame in frames:
            for packet in self.pictures.encode(frame.picture, frame.time):
                self._receive(packet, frame.picture.image_bgr)
        return self.encoded - before

    def _receive(self, packet: Packet, shown: U8) -> None:
        assert packet.pts is not None
        assert packet.pts > self.times[-1]
        self.times.append(packet.pts)
        self.keys.append(bool(packet.is_keyframe))
        self.sent += 1
        (got,) = self._decoder.decode(av.Packet(bytes(packet)))
        picture = got.to_ndarray(format="bgr24", src_colorspace="ITU601", dst_colorspace="ITU601")
        self.worst = max(self.worst, float(np.abs(picture.astype(int) - shown).mean()))


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_a_loop_is_encoded_once_and_seen_whole_into_speech_and_out_of_it(codec: Codec) -> None:
    stream, watched = moving_stream(), Watched(codec)
    watched.show(stream.idle(4 * PERIOD + 2 * CHAIN))
    assert watched.show(stream.idle(3 * PERIOD)) == 0
    said = [*stream.push(speech(1.0)), *stream.flush()]
    assert watched.show(iter(said)) == len(said)
    assert watched.keys[-len(said)]  # the encoder goes on with a key picture, once
    assert sum(watched.keys[-len(said) :]) == 1
    back = watched.show(stream.idle(CHAIN + PERIOD))
    assert 0 < back < CHAIN + PERIOD
    assert watched.show(stream.idle(2 * PERIOD)) == 0
    assert watched.sent == stream.health().frames  # none was left out
    assert watched.worst < 3.0


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_who_comes_in_the_middle_gets_a_key_picture_at_once(codec: Codec) -> None:
    stream, watched = moving_stream(), Watched(codec)
    watched.show(stream.idle(4 * PERIOD + 2 * CHAIN))
    for _ in range(3):
        watched.show(stream.idle(37))
        watched.pictures.wants_key = True
        soon = 1 + round(KEY_EVERY_S * FPS)
        watched.show(stream.idle(soon))
        assert any(watched.keys[-soon:])
        assert not watched.pictures.wants_key
    assert watched.show(stream.idle(2 * CHAIN)) < PERIOD  # what begins there goes over into an older chain
    assert watched.worst < 3.0


def test_fewer_bits_are_obeyed_at_once_and_more_soon() -> None:
    stream, watched = moving_stream(), Watched("H264")
    watched.show(stream.idle(4 * PERIOD + 2 * CHAIN))
    watched.encoder.bits = round(0.8 * USUAL)
    assert watched.show(stream.idle(5)) == 5
    assert watched.show(stream.idle(PERIOD + CHAIN)) > PERIOD - 10  # a turn
    assert watched.show(stream.idle(PERIOD)) == 0
    watched.encoder.bits = USUAL  # little more: what is kept is good enough
    assert watched.show(stream.idle(PERIOD)) == 0
    watched.encoder.bits = round(0.3 * USUAL)  # key pictures would take too long: it is encoded as it comes
    assert watched.show(stream.idle(3 * CHAIN)) == 3 * CHAIN
    assert sum(watched.keys[-3 * CHAIN :]) == 1
    assert watched.worst < 3.0


def test_what_is_kept_is_bounded() -> None:
    stream, watched = moving_stream(), Watched("H264")
    watched.pictures.loop = EncodedLoop(limit=20_000)
    watched.show(stream.idle(4 * PERIOD + 2 * CHAIN))
    held = watched.pictures.loop.held
    assert 0 < held <= 20_000
    for _ in range(5):
        watched.pictures.wants_key = True
        watched.show(stream.idle(PERIOD + 7))
    assert held <= watched.pictures.loop.held <= 20_000
    assert watched.worst < 3.0


def test_a_photo_gets_no_key_pictures_that_nobody_asked_for() -> None:
    engine = make_engine()
    stream = engine.stream(make_avatar(engine, side=SIDE, frames=1), sample_rate=RATE)
    watched = Watched("H264")
    watched.show(stream.idle(20 * int(FPS)))
    assert watched.keys.count(True) == 1
    assert 80 <= len(watched.keys) <= 110  # five a second
    assert watched.pictures.loop.held == 0


def test_a_chain_is_followed_only_where_its_decoder_is() -> None:
    loop = EncodedLoop()
    key, then = Unit(b"key", True), Unit(b"then", False)
    loop.keep(("z", "a"), key, 100)
    loop.keep(("a", "b"), then, 100)
    assert loop.follow(("b", "c"), key=False) is None
    assert loop.follow(("z", "a"), key=False) is key
    assert loop.follow(("a", "b"), key=True) is None  # a key picture was asked for
    assert loop.follow(("a", "b"), key=False) is then
    loop.keep(("b", "x"), Unit(b"other", False), 100)
    loop.keep((None, None), Unit(b"speech", False), 100)
    assert loop.follow(("a", "b"), key=False) is None  # what the decoder has seen is not of the chain
    loop.fit(99)
    assert loop.follow(("z", "a"), key=False) is None
    assert loop.held == 0
