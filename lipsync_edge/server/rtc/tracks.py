"""Tracks of one WebRTC viewer: packets that were encoded for all, each sent when its time has come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from lipsync_edge.server.rtc.encode import Packet

AHEAD_S = 0.03  # between a slot and the sending of its first packets; what encoding may take
LATE_S = 0.25  # a pace that is so far behind is begun anew
MOST = 100  # packets that may wait


class Pace:
    """When packets of a session's clock are due on the event loop's; picture and sound of a viewer share one.

    Receivers take the time at which a packet is sent for the time of what is in it, so both must be sent at the same
    distance from their own time.
    """

    def __init__(self) -> None:
        self._origin: float | None = None

    def begin(self, now: float, time: float) -> None:
        """Note that the slot of a time, in seconds, came now; only the first one counts."""
        if self._origin is None or now + AHEAD_S > self._origin + time + LATE_S:
            self._origin = now + AHEAD_S - time

    def wait(self, now: float, time: float) -> float:
        """Return seconds until a packet of that time is due."""
        return 0.0 if self._origin is None else max(0.0, self._origin + time - now)


class PacketTrack(MediaStreamTrack):
    """Track that gives encoded packets.

    Args:
        kind: "video" or "audio".
        pace: of the viewer.
        want_key: called when pictures were left out, so that only a key picture goes on.
    """

    def __init__(self, kind: str, pace: Pace, want_key: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.kind = kind
        self.lost = 0
        self._pace, self._want_key = pace, want_key
        self._packets: deque[Packet] = deque()
        self._there = asyncio.Event()
        self._needs_key = kind == "video"
        self._is_read = False

    def put(self, packet: Packet) -> None:
        """Add a packet; pictures begin with a key picture, at first and after some were left out.

        What comes before the connection reads is left out: the browser would hold as much from then on.
        """
        if not self._is_read or (self._needs_key and not packet.is_keyframe):
            return
        self._needs_key = False
        if len(self._packets) >= MOST:
            self.lost += len(self._packets)
            self._packets.clear()
            if self.kind == "video":
                self._needs_key = True
                self._want_key()
                return
        self._packets.append(packet)
        self._there.set()

    async def recv(self) -> Any:
        """Give the next packet when it is due."""
        if not self._is_read:
            self._is_read = True
            self._want_key()
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._there.clear()
            await self._there.wait()
        packet = self._packets.popleft()
        assert packet.pts is not None
        time = float(packet.pts * packet.time_base)
        left = self._pace.wait(asyncio.get_running_loop().time(), time)
        if left > 0:
            await asyncio.sleep(left)
        return packet

    def stop(self) -> None:
        """End the track."""
        super().stop()
        self._there.set()
