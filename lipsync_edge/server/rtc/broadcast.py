"""Broadcast of one session by WebRTC: every slot is encoded once for all viewers of a codec."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction

from lipsync_edge.live.slot import Slot
from lipsync_edge.server.rtc.encode import (
    NARROWEST_BITS,
    Codec,
    Packet,
    RtcAudioEncoder,
    RtcVideoEncoder,
    usual_bits,
)
from lipsync_edge.server.rtc.feedback import Feedback
from lipsync_edge.server.rtc.pictures import RtcPictures
from lipsync_edge.server.rtc.tracks import Pace, PacketTrack

STEP = 0.1  # of the bits a second: smaller changes are not made


@dataclass(slots=True, eq=False)
class RtcViewer:
    """One viewer: its tracks, and what it says of its network."""

    codec: Codec
    video: PacketTrack
    audio: PacketTrack
    feedback: Feedback
    pace: Pace


class RtcBroadcast:
    """Encodes slots in the render thread, and hands packets to viewers on the event loop.

    Args:
        loop: the event loop.
        size: of the pictures, width and height.
        fps: slots a second.
        rate: samples a second of the sound.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, size: tuple[int, int], fps: Fraction, rate: int
    ) -> None:
        self._loop, self._size, self._fps, self._rate = loop, size, fps, rate
        self._most = usual_bits(size, fps)
        self._viewers: tuple[RtcViewer, ...] = ()
        self._pictures: dict[Codec, RtcPictures] = {}  # of the render thread
        self._sound: RtcAudioEncoder | None = None  # of the render thread
        self._keys: set[Codec] = set()

    def __len__(self) -> int:
        """Return how many watch."""
        return len(self._viewers)

    def report(self) -> dict[str, object]:
        """Tell how it goes: viewers, bits a second of each codec, packets lost on the way and thrown away here."""
        viewers = self._viewers
        return {
            "viewers": len(viewers),
            "bits": {codec: pictures.encoder.bits for codec, pictures in dict(self._pictures).items()},
            "lost": max((viewer.feedback.lost for viewer in viewers), default=0.0),
            "thrown_away": sum(viewer.video.lost + viewer.audio.lost for viewer in viewers),
        }

    @contextmanager
    def viewer(self, codec: Codec) -> Iterator[RtcViewer]:
        """Take part as a viewer; on the event loop."""
        want_key: Callable[[], None] = lambda: self._keys.add(codec)  # noqa: E731
        pace = Pace()
        video, audio = PacketTrack("video", pace, want_key), PacketTrack("audio", pace)
        viewer = RtcViewer(codec, video, audio, Feedback(self._most, NARROWEST_BITS, want_key), pace)
        want_key()
        self._viewers = (*self._viewers, viewer)
        try:
            yield viewer
        finally:
            self._viewers = tuple(one for one in self._viewers if one is not viewer)
            video.stop()
            audio.stop()

    def write(self, slot: Slot) -> None:
        """Encode and send one slot; in the render thread."""
        viewers = self._viewers
        if not viewers:
            self._pictures, self._sound = {}, None
            return
        if self._sound is None:
            self._sound = RtcAudioEncoder(self._rate, slot.time)
        sound = self._sound.encode(slot.pcm)
        pictures: dict[Codec, list[Packet]] = {}
        if slot.picture is not None:
            for codec in {viewer.codec for viewer in viewers}:
                pictures[codec] = self._encode(codec, slot, viewers)
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._hand_out, viewers, float(slot.time), pictures, sound)

    def _encode(self, codec: Codec, slot: Slot, viewers: tuple[RtcViewer, ...]) -> list[Packet]:
        assert slot.picture is not None
        bits = min(viewer.feedback.bits for viewer in viewers if viewer.codec == codec)
        state = self._pictures.get(codec)
        if state is None:
            encoder = RtcVideoEncoder(codec, self._size, self._fps, bits)
            state = self._pictures[codec] = RtcPictures(encoder, self._most)
        if abs(bits / state.encoder.bits - 1) > STEP:
            state.encoder.bits = bits
        if codec in self._keys:
            self._keys.discard(codec)
            state.wants_key = True
        return state.encode(slot.picture, slot.time)

    def _hand_out(
        self,
        viewers: tuple[RtcViewer, ...],
        time: float,
        pictures: dict[Codec, list[Packet]],
        sound: list[Packet],
    ) -> None:
        now = self._loop.time()
        for viewer in viewers:
            viewer.pace.begin(now, time)
            for packet in pictures.get(viewer.codec, ()):
                viewer.video.put(packet)
            for packet in sound:
                viewer.audio.put(packet)
