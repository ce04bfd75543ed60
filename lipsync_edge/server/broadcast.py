"""Broadcast of one session: a sink that sends its slots to every viewer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import TYPE_CHECKING

from lipsync_edge.live.slot import Slot
from lipsync_edge.server.protocol import pack

if TYPE_CHECKING:
    from lipsync_edge.server.rtc.broadcast import RtcBroadcast, RtcViewer
    from lipsync_edge.server.rtc.encode import Codec

Message = str | bytes


class Viewer:
    """Viewer's queue of messages to one browser; a slow one loses the oldest slots, not the latest.

    Args:
        limit: slots that may wait.
        sees: whether it gets slots; else events alone.
    """

    def __init__(self, limit: int, *, sees: bool = True) -> None:
        self.lost = 0
        self.sees = sees
        self._limit = limit
        self._messages: list[Message] = []
        self._there = asyncio.Event()
        self._over = False

    def put(self, message: Message) -> None:
        """Add a message; when too many wait, the oldest slot goes."""
        self._messages.append(message)
        slots = [i for i, waiting in enumerate(self._messages) if isinstance(waiting, bytes)]
        if len(slots) > self._limit:
            del self._messages[slots[0]]
            self.lost += 1
        self._there.set()

    def clear(self) -> None:
        """Throw away the slots that wait."""
        self._messages = [message for message in self._messages if isinstance(message, str)]

    def close(self) -> None:
        """Say that no more messages will come."""
        self._over = True
        self._there.set()

    async def get(self) -> Message | None:
        """Wait for the next message; None when there will be no more."""
        while not self._messages and not self._over:
            self._there.clear()
            await self._there.wait()
        return self._messages.pop(0) if self._messages else None


class Broadcaster:
    """Sink that packs slots in the render thread and hands them to viewers on the event loop.

    Args:
        loop: the event loop.
        hello: the first message of every viewer.
        quality: of the JPEGs, 1 to 100.
        waiting: slots that may wait for a slow viewer.
        rtc: makes the broadcast to viewers by WebRTC.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        hello: str,
        *,
        quality: int,
        waiting: int,
        rtc: Callable[[], RtcBroadcast],
    ) -> None:
        self._loop, self._hello = loop, hello
        self._make_rtc = rtc
        self._rtc: RtcBroadcast | None = None
        self._ends: set[Callable[[], object]] = set()  # called for viewers by WebRTC at the end
        self._quality, self._waiting = quality, waiting
        self._viewers: set[Viewer] = set()
        self.lost = 0

    def __len__(self) -> int:
        """Return how many watch."""
        by_socket = sum(viewer.sees for viewer in self._viewers)
        return by_socket + (0 if self._rtc is None else len(self._rtc))

    @contextmanager
    def viewer(self, *, sees: bool = True) -> Iterator[Viewer]:
        """Take part as a viewer, or as one who is told of events alone."""
        viewer = Viewer(self._waiting, sees=sees)
        viewer.put(self._hello)
        self._viewers.add(viewer)
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            self.lost += viewer.lost

    @contextmanager
    def rtc_viewer(self, codec: Codec, at_end: Callable[[], object]) -> Iterator[RtcViewer]:
        """Take part as a viewer by WebRTC; `at_end` is called when nothing more will come."""
        if self._rtc is None:
            self._rtc = self._make_rtc()
        self._ends.add(at_end)
        try:
            with self._rtc.viewer(codec) as viewer:
                yield viewer
        finally:
            self._ends.discard(at_end)

    @property
    def rtc(self) -> RtcBroadcast | None:
        """The broadcast to viewers by WebRTC; None before the first one."""
        return self._rtc

    def write(self, slot: Slot) -> None:
        """Send one slot."""
        is_seen = any(viewer.sees for viewer in tuple(self._viewers))
        message = pack(slot, quality=self._quality) if is_seen else b""
        if self._rtc is not None:
            self._rtc.write(slot)
        self.on_loop(lambda: self._send(slot.event, slot.time, message))

    def interrupt(self) -> None:
        """Throw away what waits for the viewers, and tell them to throw away what they hold."""
        self.on_loop(self._drop_waiting)

    def close(self) -> None:
        """Do nothing: the session says what became of it when its thread ends."""

    def end(self, error: BaseException | None) -> None:
        """Tell every viewer that nothing more will come, and why; on the event loop."""
        for viewer in self._viewers:
            if error is not None:
                viewer.put(json.dumps({"type": "error", "error": f"{type(error).__name__}: {error}"}))
            viewer.close()
        for at_end in self._ends:
            at_end()

    def on_loop(self, action: Callable[[], None]) -> None:
        """Have something done on the event loop; nothing when that is closed already."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(action)

    def _drop_waiting(self) -> None:
        for viewer in self._viewers:
            viewer.clear()
            viewer.put(json.dumps({"type": "event", "event": "interrupt"}))

    def _send(self, event: str, time: Fraction, message: bytes) -> None:
        for viewer in self._viewers:
            if event:
                viewer.put(json.dumps({"type": "event", "event": event, "time": float(time)}))
            if message and viewer.sees:
                viewer.put(message)
