"""A stage: one show in a thread of its own, and the viewers it is sent to."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction

from lipsync_edge.live.audio_queue import SessionOverError
from lipsync_edge.live.session import LiveSession, SessionOptions
from lipsync_edge.live.slot import I16, Slot
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.protocol import pack

LOG = logging.getLogger("lipsync_edge.server")
PATIENCE_S = 0.5  # how long one wait for room in a show lasts
Message = str | bytes


class Viewer:
    """The messages on their way to one browser; a slow one loses the oldest pictures, not the latest.

    Args:
        limit: messages that may wait.
    """

    def __init__(self, limit: int) -> None:
        self.lost = 0
        self._limit = limit
        self._messages: list[Message] = []
        self._there = asyncio.Event()
        self._over = False

    def put(self, message: Message) -> None:
        """Add a message; when too many wait, the oldest moment goes."""
        self._messages.append(message)
        moments = [i for i, waiting in enumerate(self._messages) if isinstance(waiting, bytes)]
        if len(moments) > self._limit:
            del self._messages[moments[0]]
            self.lost += 1
        self._there.set()

    def clear(self) -> None:
        """Throw away the moments that wait."""
        self._messages = [message for message in self._messages if isinstance(message, str)]

    def close(self) -> None:
        """No more messages will come."""
        self._over = True
        self._there.set()

    async def get(self) -> Message | None:
        """Wait for the next message; None when there will be no more."""
        while not self._messages and not self._over:
            self._there.clear()
            await self._there.wait()
        return self._messages.pop(0) if self._messages else None


class Broadcaster:
    """The sink of a stage's show: packs moments in the show's thread, hands them to viewers on the event loop.

    Args:
        loop: the event loop.
        hello: the first message of every viewer.
        quality: of the JPEGs, 1 to 100.
        waiting: moments that may wait for a slow viewer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, hello: str, *, quality: int, waiting: int) -> None:
        self._loop, self._hello = loop, hello
        self._quality, self._waiting = quality, waiting
        self._viewers: set[Viewer] = set()
        self.lost = 0

    def __len__(self) -> int:
        """Return how many watch."""
        return len(self._viewers)

    @contextmanager
    def viewer(self) -> Iterator[Viewer]:
        """Take part as a viewer."""
        viewer = Viewer(self._waiting)
        viewer.put(self._hello)
        self._viewers.add(viewer)
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            self.lost += viewer.lost

    def write(self, moment: Slot) -> None:
        """Take a moment from the show."""
        message = pack(moment, quality=self._quality) if self._viewers else b""
        self.on_loop(lambda: self._send(moment.event, moment.time, message))

    def interrupt(self) -> None:
        """Throw away what waits for the viewers, and tell them to throw away what they hold."""
        self.on_loop(self._interrupted)

    def close(self) -> None:
        """The show says what became of it when its thread ends."""

    def end(self, error: BaseException | None) -> None:
        """Tell every viewer that nothing more will come, and why; on the event loop."""
        for viewer in self._viewers:
            if error is not None:
                viewer.put(json.dumps({"type": "error", "error": f"{type(error).__name__}: {error}"}))
            viewer.close()

    def on_loop(self, action: Callable[[], None]) -> None:
        """Have something done on the event loop; nothing when that is closed already."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(action)

    def _interrupted(self) -> None:
        for viewer in self._viewers:
            viewer.clear()
            viewer.put(json.dumps({"type": "event", "event": "interrupt"}))

    def _send(self, event: str, time: Fraction, message: bytes) -> None:
        for viewer in self._viewers:
            if event:
                viewer.put(json.dumps({"type": "event", "event": event, "time": float(time)}))
            if message:
                viewer.put(message)


class ServerSession:
    """A show on the air in a thread of its own, for any number of viewers; made on the event loop.

    Args:
        stream: an open stream of nobody else.
        options: how the show runs.
        quality: of the JPEGs, 1 to 100.
        waiting: moments that may wait for a slow viewer.
    """

    def __init__(
        self, stream: Stream, options: SessionOptions, *, quality: int = 85, waiting: int = 12
    ) -> None:
        width, height = stream.avatar.size
        hello = {
            "type": "hello",
            "fps": float(stream.fps),
            "rate": options.rate,
            "width": width,
            "height": height,
        }
        loop = asyncio.get_running_loop()
        self.audience = Broadcaster(loop, json.dumps(hello), quality=quality, waiting=waiting)
        self.rate = options.rate
        self.show = LiveSession(stream, self.audience, options)
        self.speakers = 0  # callers that speak or wait for their turn
        self._turn = asyncio.Lock()  # utterances of several callers come one after another
        self.error: BaseException | None = None
        self.ended = False
        self._thread = threading.Thread(target=self._run, name="lipsync-show", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.show.run()
        except Exception as error:  # told to every viewer and caller
            self.error = error
            LOG.exception("show failed")
        self.ended = True
        self.audience.on_loop(lambda: self.audience.end(self.error))

    async def speak(self, pieces: AsyncIterator[I16]) -> tuple[str, int]:
        """Say an utterance, mono int16 (n,) at `rate`, as it comes; waits until the callers before are done.

        Returns:
            "done", or "interrupted" when an interrupt overtook it, and how many samples were taken.

        Raises:
            SessionOverError: the show has ended.
        """
        self.speakers += 1
        try:
            async with self._turn:
                return await self._say(pieces)
        finally:
            self.speakers -= 1

    async def _say(self, pieces: AsyncIterator[I16]) -> tuple[str, int]:
        ticket, taken = self.show.ticket, 0
        try:
            async for piece in pieces:
                how = "full"
                while how == "full":
                    how = await asyncio.to_thread(self.show.say, piece, timeout=PATIENCE_S, ticket=ticket)
                if how == "interrupted":
                    return how, taken
                taken += len(piece)
        finally:
            with suppress(SessionOverError):
                self.show.end(ticket)
        return "done", taken

    async def interrupt(self) -> None:
        """Stop speaking at once."""
        await asyncio.to_thread(self.show.interrupt)

    async def close(self) -> None:
        """End the show and wait for it, 5 seconds at most."""
        self.show.stop()
        await asyncio.to_thread(self._thread.join, 5.0)
