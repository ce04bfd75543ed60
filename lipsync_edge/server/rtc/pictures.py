"""Pictures of one codec for all viewers: encoded once if they show something new, not again while a loop repeats."""

from __future__ import annotations

from fractions import Fraction

import av

from lipsync_edge.pipeline.picture import Picture
from lipsync_edge.server.rtc.encode import VIDEO_CLOCK, Packet, RtcVideoEncoder
from lipsync_edge.server.rtc.loop import KEPT_BYTES, EncodedLoop, Unit

KEY_EVERY_S = 0.5  # key pictures that were asked for come no more often
REPEAT_S = 0.2  # a picture that has not changed is sent no more often: browsers hold it, and keep their time
CHAIN_S = 4.0  # after a key picture a moving loop gets the next one, where what is kept can be joined
LOOPS_FROM = 0.5  # of the usual bits a second: on narrower networks those key pictures would take too long


class RtcPictures:
    """Pictures of one codec, each encoded once for all viewers, if it shows something new.

    While an avatar lives on by itself, what was encoded at the turn before is sent again. Where something else comes
    (somebody speaks), the encoder goes on with a key picture of it: what viewers have seen meanwhile it does not know.

    Args:
        encoder: of the codec.
        usual: bits a second where nothing hinders.
        kept_bytes: of the loop, at most.

    Attributes:
        wants_key: whether a viewer needs a key picture.
        loop: what is kept.
    """

    def __init__(self, encoder: RtcVideoEncoder, usual: int, kept_bytes: int = KEPT_BYTES) -> None:
        self.encoder, self.loop = encoder, EncodedLoop(kept_bytes)
        self.wants_key = True
        self._least = LOOPS_FROM * usual
        self._knows = True  # whether the encoder has seen what was sent last
        self._last_key = self._last_time = Fraction(-1000)
        self._last: Picture | None = None

    def encode(self, picture: Picture, time: Fraction) -> list[Packet]:
        """Encode a picture that is shown at `time` seconds; nothing where the last one still does."""
        key = self.wants_key and time - self._last_key >= KEY_EVERY_S
        is_new = self._last is None or not picture.shows(self._last)
        is_due = is_new or (self._knows and time - self._last_time >= REPEAT_S)
        if not (key or is_due):
            return []
        before = None if self._last is None else self._last.loop_key
        step = (before, picture.loop_key if is_new else None)
        self._last, self._last_time = picture, time
        self.loop.fit(self.encoder.bits)
        unit = self.loop.follow(step, key=key)
        if unit is None:
            return self._live(picture, time, step, key=key)
        self._knows = False
        self._note(time, is_key=unit.is_key)
        return [_packet(unit, time)]

    def _live(
        self, picture: Picture, time: Fraction, step: tuple[object, object], *, key: bool
    ) -> list[Packet]:
        loops = step[1] is not None and self.encoder.bits >= self._least and self.loop.has_room
        begins = loops and time - self._last_key >= CHAIN_S
        packets = self.encoder.encode(picture.image_bgr, time, key=key or begins or not self._knows)
        self._knows = True
        for packet in packets:
            is_key = bool(packet.is_keyframe)
            self._note(time, is_key=is_key)
            unit = Unit(bytes(packet), is_key)
            self.loop.keep(step if loops else (None, None), unit, self.encoder.bits)
        return packets

    def _note(self, time: Fraction, *, is_key: bool) -> None:
        if is_key:
            self.wants_key, self._last_key = False, time


def _packet(unit: Unit, time: Fraction) -> Packet:
    packet: Packet = av.Packet(unit.data)
    packet.pts, packet.time_base = round(time * VIDEO_CLOCK), Fraction(1, VIDEO_CLOCK)
    packet.is_keyframe = unit.is_key
    return packet
