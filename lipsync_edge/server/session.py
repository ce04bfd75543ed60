"""Server session: a live session in a thread of its own, and the callers that speak through it."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

from lipsync_edge.live.audio_queue import Pcm, SessionOverError
from lipsync_edge.live.options import SessionOptions
from lipsync_edge.live.session import LiveSession
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.broadcast import Broadcaster

if TYPE_CHECKING:
    from lipsync_edge.server.rtc.broadcast import RtcBroadcast

LOG = logging.getLogger("lipsync_edge.server")
PATIENCE_S = 0.5  # how long one wait for room in a session's queue lasts
WAITING = 12  # slots that may wait for a slow viewer


class ServerSession:
    """Live session that runs in a thread of its own, for any number of viewers; made on the event loop.

    Args:
        stream: an open stream of nobody else.
        options: how the session runs.
        quality: of the JPEGs, 1 to 100.
        waiting: slots that may wait for a slow viewer.

    Attributes:
        live: the session itself.
        broadcaster: what its viewers are served by.
        rate: samples a second of the sound that it takes.
        seats: viewers that are there or are just coming.
        speakers: callers that speak or wait for their turn.
        error: what ended it, or None.
        ended: whether its thread has ended.
    """

    def __init__(
        self, stream: Stream, options: SessionOptions, *, quality: int = 85, waiting: int = WAITING
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

        def rtc() -> RtcBroadcast:
            from lipsync_edge.server.rtc.broadcast import RtcBroadcast

            return RtcBroadcast(loop, (width, height), stream.fps, options.rate)

        self.broadcaster = Broadcaster(loop, json.dumps(hello), quality=quality, waiting=waiting, rtc=rtc)
        self.seats = 0
        self.rate = options.rate
        self.live = LiveSession(stream, self.broadcaster, options)
        self.speakers = 0
        self._turn = asyncio.Lock()  # utterances of several callers come one after another
        self.error: BaseException | None = None
        self.ended = False
        self._thread = threading.Thread(target=self._run, name="lipsync-session", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.live.run()
        except Exception as error:  # told to every viewer and caller
            self.error = error
            LOG.exception("session failed")
        self.ended = True
        self.broadcaster.on_loop(lambda: self.broadcaster.end(self.error))

    async def speak(self, pieces: AsyncIterator[Pcm]) -> tuple[str, int]:
        """Say an utterance, mono int16 or float32 (n,) at `rate`, as it comes; waits until the callers before are done.

        Returns:
            "done", or "interrupted" when an interrupt overtook it, and how many samples were taken.

        Raises:
            SessionOverError: the session has ended.
        """
        self.speakers += 1
        try:
            async with self._turn:
                return await self._say(pieces)
        finally:
            self.speakers -= 1

    async def _say(self, pieces: AsyncIterator[Pcm]) -> tuple[str, int]:
        token, taken = self.live.token, 0
        try:
            async for piece in pieces:
                result = "full"
                while result == "full":
                    result = await asyncio.to_thread(self.live.say, piece, timeout=PATIENCE_S, token=token)
                if result == "interrupted":
                    return result, taken
                taken += len(piece)
        finally:
            with suppress(SessionOverError):
                self.live.end(token)
        return "done", taken

    async def interrupt(self) -> None:
        """Stop speaking at once."""
        await asyncio.to_thread(self.live.interrupt)

    async def close(self) -> None:
        """End the session and wait for it, 5 seconds at most."""
        self.live.stop()
        await asyncio.to_thread(self._thread.join, 5.0)
