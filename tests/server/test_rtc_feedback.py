"""What a network says changes what is encoded, before pictures are lost; what is sent keeps its time."""

import asyncio
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("aiortc")

from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    pack_remb_fci,
)

from lipsync_edge.live.slot import Slot
from lipsync_edge.pipeline.picture import WholePicture
from lipsync_edge.server.rtc.broadcast import RtcBroadcast
from lipsync_edge.server.rtc.encode import NARROWEST_BITS, RtcAudioEncoder, RtcVideoEncoder, usual_bits
from lipsync_edge.server.rtc.feedback import Feedback
from lipsync_edge.server.rtc.pacing import Pacer
from lipsync_edge.server.rtc.tracks import AHEAD_S, LATE_S, Pace, PacketTrack

SSRC = 77
SIZE, FPS, RATE = (320, 240), Fraction(25), 16_000


def report(lost: float) -> RtcpRrPacket:
    block = RtcpReceiverInfo(SSRC, round(lost * 256), 0, 0, 0, 0, 0)
    return RtcpRrPacket(ssrc=1, reports=[block])


def estimate(bits: int, ssrc: int = SSRC) -> RtcpPsfbPacket:
    return RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=pack_remb_fci(bits, [ssrc]))


def test_loss_and_estimates_lower_the_bits_and_a_calm_network_raises_them() -> None:
    keys: list[int] = []
    feedback = Feedback(2_000_000, 250_000, lambda: keys.append(1))
    assert feedback.bits == 2_000_000
    feedback.take(estimate(900_000), SSRC)
    assert feedback.bits == pytest.approx(900_000, rel=0.01)
    feedback.take(estimate(100_000, ssrc=5), SSRC)  # of another stream
    assert feedback.bits == pytest.approx(900_000, rel=0.01)
    feedback.take(estimate(9_000_000), SSRC)
    assert feedback.bits == 2_000_000
    feedback.take(report(0.05), SSRC)  # neither much nor little: stays
    assert feedback.bits == 2_000_000
    feedback.take(report(0.4), SSRC)
    lowered = feedback.bits
    assert lowered == pytest.approx(1_600_000, rel=0.02)
    for _ in range(30):
        feedback.take(report(0.5), SSRC)
    assert feedback.bits == 250_000  # not below what is worth looking at
    for _ in range(60):
        feedback.take(report(0.0), SSRC)
    assert feedback.bits == 2_000_000
    assert not keys
    feedback.take(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=SSRC), SSRC)
    assert keys == [1]
    feedback.take(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=b"????"), SSRC)


def noise(index: int) -> np.ndarray:
    """Soft clouds, others in every picture: they take as many bits as there are."""
    numbers = np.random.default_rng(index).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(numbers, (0, 0), 5.0), np.uint8)


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_fewer_bits_make_fewer_bytes(codec: Any) -> None:
    encoder = RtcVideoEncoder(codec, SIZE, FPS, 1_200_000)
    sizes = []
    for index in range(150):
        if index == 75:
            encoder.bits = 400_000
        packets = encoder.encode(noise(index), Fraction(index, 25), key=index == 0)
        sizes.append(sum(packet.size for packet in packets))
        assert len(packets) == 1  # each leaves at once
    assert encoder.bits == 400_000
    assert sum(sizes[120:]) < 0.6 * sum(sizes[40:70])


def slot(index: int) -> Slot:
    pcm = np.full(RATE // 25, 1000, np.int16)
    return Slot(index, index / FPS, pcm, WholePicture(noise(index)), "speech")


def test_all_viewers_get_what_the_narrowest_network_takes_and_begin_with_a_key_picture() -> None:
    async def body() -> None:
        broadcast = RtcBroadcast(asyncio.get_running_loop(), SIZE, FPS, RATE)
        usual = usual_bits(SIZE, FPS)
        with broadcast.viewer("H264") as one, broadcast.viewer("H264") as two:
            first = asyncio.ensure_future(one.video.recv())
            await asyncio.sleep(0)
            for index in range(20):
                await asyncio.to_thread(broadcast.write, slot(index))
            packet = await asyncio.wait_for(first, 5)
            assert packet.is_keyframe
            assert broadcast.report()["bits"] == {"H264": usual}
            two.feedback.take(estimate(NARROWEST_BITS), 0)  # of no stream of its own
            two.feedback.take(report(0.0), SSRC)
            two.feedback._receiver_allows = NARROWEST_BITS
            await asyncio.to_thread(broadcast.write, slot(20))
            assert broadcast.report()["bits"] == {"H264": NARROWEST_BITS}
            late = asyncio.ensure_future(two.video.recv())  # its connection is there only now
            for index in range(21, 60):
                await asyncio.to_thread(broadcast.write, slot(index))
            assert (await asyncio.wait_for(late, 5)).is_keyframe
        await asyncio.to_thread(broadcast.write, slot(60))
        assert broadcast.report()["bits"] == {}  # nobody watches: nothing is encoded

    asyncio.run(body())


def test_sound_and_pictures_of_one_time_are_sent_together() -> None:
    pace = Pace()
    assert pace.wait(5.0, 1.0) == 0.0
    pace.begin(100.0, 4.0)
    for time in (4.0, 4.02, 5.0):
        assert pace.wait(100.0, time) == pytest.approx(AHEAD_S + time - 4.0)
    pace.begin(101.0 + LATE_S / 2, 5.0)  # a slot that is late changes nothing
    assert pace.wait(100.0, 4.0) == pytest.approx(AHEAD_S)
    pace.begin(103.0, 5.0)  # one that is very late begins anew
    assert pace.wait(103.0, 5.0) == pytest.approx(AHEAD_S)


def test_a_large_picture_leaves_packet_by_packet() -> None:
    pacer = Pacer(lambda: 1_000_000)
    assert pacer.take(1250, 10.0) == 0.0  # 4 ms of sending: not worth a wait
    waits = [pacer.take(1250, 10.0) for _ in range(10)]
    assert np.allclose(waits, 0.004 * np.arange(2, 12))
    assert pacer.take(1250, 11.0) == 0.0  # what was not used is not saved up
    assert pacer.take(1250, 11.0) == pytest.approx(0.008)


def test_opus_packets_stand_at_their_own_time() -> None:
    encoder = RtcAudioEncoder(24_000, Fraction(7))
    packets = [packet for _ in range(50) for packet in encoder.encode(np.zeros(960, np.int16))]
    times = [float(packet.pts * packet.time_base) for packet in packets]
    assert times[0] == pytest.approx(7.0, abs=0.01)
    assert np.allclose(np.diff(times), 0.02)
    assert times[-1] == pytest.approx(9.0, abs=0.05)


def test_a_track_that_nobody_reads_holds_nothing_and_a_stalled_one_is_bounded() -> None:
    async def body() -> None:
        wanted: list[int] = []
        track = PacketTrack("video", Pace(), lambda: wanted.append(1))
        encoder = RtcVideoEncoder("H264", SIZE, FPS, 300_000)
        packets = [encoder.encode(noise(i), Fraction(i, 25), key=i % 50 == 0)[0] for i in range(160)]
        for packet in packets[:20]:
            track.put(packet)
        assert not track._packets
        reading = asyncio.ensure_future(track.recv())
        await asyncio.sleep(0)
        assert wanted == [1]
        for packet in packets[20:]:
            track.put(packet)
        assert len(track._packets) <= 100
        assert track.lost > 0
        assert (await reading).is_keyframe
        track.stop()

    asyncio.run(body())
