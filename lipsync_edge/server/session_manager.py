"""Session manager: a server's sessions by name, opened when somebody comes, closed when the last viewer leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lipsync_edge.live.options import SessionOptions
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.auth import Limits
from lipsync_edge.server.broadcast import Viewer
from lipsync_edge.server.heap import HeapTrim
from lipsync_edge.server.session import LOG, ServerSession

MAIN = "main"


class Refusal(Exception):  # noqa: N818 - it is an answer to a caller, not a fault of ours
    """Refusal of what a caller asked for.

    Args:
        status: of HTTP.
        reason: one line.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class SessionManager:
    """Manager of all sessions of a server.

    The session "main" is open as long as the server; it is opened again after an error.

    Args:
        open_stream: opens the stream of a new session.
        options: how sessions run.
        limits: see `Limits`.
        quality: of the JPEGs.

    Attributes:
        limits: the same.
        uploads: files that are being received.
    """

    def __init__(
        self, open_stream: Callable[[], Stream], options: SessionOptions, limits: Limits, *, quality: int = 85
    ) -> None:
        self.limits = limits
        self.uploads = 0
        self._open_stream, self._options, self._quality = open_stream, options, quality
        self._sessions: dict[str, ServerSession] = {}
        self._opening = asyncio.Lock()
        self._trim = HeapTrim()

    def __len__(self) -> int:
        """Return how many sessions are open."""
        return len(self._sessions)

    @property
    def all(self) -> dict[str, ServerSession]:
        """Session name → session."""
        return dict(self._sessions)

    def find(self, name: str) -> ServerSession:
        """Return the open session of that name; Refusal 404 when there is none, 503 when it has failed."""
        session = self._sessions.get(name)
        if session is None:
            raise Refusal(404, f"expected an open session, got {name[:40]!r}")
        if session.ended:
            raise Refusal(503, f"the session has ended: {session.error}")
        return session

    async def open(self, name: str) -> ServerSession:
        """Find a session or open it; Refusal 429 when there are too many, 503 when it cannot be opened."""
        async with self._opening:
            session = self._sessions.get(name)
            if session is not None and not session.ended:
                return session
            if session is None and len(self._sessions) >= self.limits.sessions:
                raise Refusal(429, f"expected at most {self.limits.sessions} sessions")
            try:
                stream = await asyncio.to_thread(self._open_stream)
            except Exception as error:  # whatever it is, the caller is told and the server goes on
                LOG.exception("session not opened")
                raise Refusal(
                    503, f"the session cannot be opened: {type(error).__name__}: {error}"
                ) from error
            self._sessions[name] = ServerSession(stream, self._options, quality=self._quality)
            return self._sessions[name]

    @asynccontextmanager
    async def join(self, name: str) -> AsyncIterator[ServerSession]:
        """Take a viewer's seat in a session, which is opened where it is not; Refusal 429 when no seat is free."""
        session = await self.open(name)
        if session.seats >= self.limits.viewers:
            raise Refusal(429, f"expected at most {self.limits.viewers} viewers")
        session.seats += 1
        try:
            yield session
        finally:
            session.seats -= 1
            if name != MAIN and not session.seats and self._sessions.get(name) is session:
                del self._sessions[name]
                await session.close()
            if not session.seats:
                self._trim.ask()

    @asynccontextmanager
    async def watch(self, name: str, *, sees: bool = True) -> AsyncIterator[Viewer]:
        """Watch a session by WebSocket, or hear of its events alone, which takes no seat.

        Raises:
            Refusal: 429 when it has too many viewers, 404 when there is no session to hear of.
        """
        if not sees:
            with self.find(name).broadcaster.viewer(sees=False) as viewer:
                yield viewer
            return
        async with self.join(name) as session:
            with session.broadcaster.viewer() as viewer:
                yield viewer

    async def close(self) -> None:
        """End every session."""
        self._trim.cancel()
        ending, self._sessions = list(self._sessions.values()), {}
        for session in ending:
            session.broadcaster.end(None)
        await asyncio.gather(*(session.close() for session in ending))
