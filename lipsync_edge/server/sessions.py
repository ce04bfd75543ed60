"""The sessions of a server: stages by name, opened when somebody comes, closed when the last one leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lipsync_edge.live.session import SessionOptions
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.auth import Limits
from lipsync_edge.server.broadcast import LOG, ServerSession, Viewer

MAIN = "main"


class Refusal(Exception):  # noqa: N818 - it is an answer to a caller, not a fault of ours
    """What a caller asked for is not given.

    Args:
        status: of HTTP.
        reason: one line.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class SessionManager:
    """All shows of a server. The session "main" is open as long as the server; it is opened again after an error.

    Args:
        open_stream: opens the stream of a new session.
        options: how shows run.
        limits: see `Limits`.
        quality: of the JPEGs.
    """

    def __init__(
        self, open_stream: Callable[[], Stream], options: SessionOptions, limits: Limits, *, quality: int = 85
    ) -> None:
        self.limits = limits
        self._open_stream, self._options, self._quality = open_stream, options, quality
        self._stages: dict[str, ServerSession] = {}
        self._opening = asyncio.Lock()

    def __len__(self) -> int:
        """Return how many sessions are open."""
        return len(self._stages)

    @property
    def all(self) -> dict[str, ServerSession]:
        """Session name → stage."""
        return dict(self._stages)

    def find(self, name: str) -> ServerSession:
        """The open session of that name; Refusal 404 when there is none, 503 when its show has failed."""
        stage = self._stages.get(name)
        if stage is None:
            raise Refusal(404, f"expected an open session, got {name[:40]!r}")
        if stage.ended:
            raise Refusal(503, f"the show has ended: {stage.error}")
        return stage

    async def open(self, name: str) -> ServerSession:
        """Find a session or open it; Refusal 429 when there are too many, 503 when it cannot be opened."""
        async with self._opening:
            stage = self._stages.get(name)
            if stage is not None and not stage.ended:
                return stage
            if stage is None and len(self._stages) >= self.limits.sessions:
                raise Refusal(429, f"expected at most {self.limits.sessions} sessions")
            try:
                stream = await asyncio.to_thread(self._open_stream)
            except Exception as error:  # whatever it is, the caller is told and the server goes on
                LOG.exception("session not opened")
                raise Refusal(
                    503, f"the session cannot be opened: {type(error).__name__}: {error}"
                ) from error
            self._stages[name] = ServerSession(stream, self._options, quality=self._quality)
            return self._stages[name]

    @asynccontextmanager
    async def watch(self, name: str) -> AsyncIterator[Viewer]:
        """Watch a session; Refusal 429 when it has too many viewers."""
        stage = await self.open(name)
        if len(stage.audience) >= self.limits.viewers:
            raise Refusal(429, f"expected at most {self.limits.viewers} viewers")
        try:
            with stage.audience.viewer() as viewer:
                yield viewer
        finally:
            if name != MAIN and not len(stage.audience) and self._stages.get(name) is stage:
                del self._stages[name]
                await stage.close()

    async def close(self) -> None:
        """End every show."""
        stages, self._stages = list(self._stages.values()), {}
        for stage in stages:
            stage.audience.end(None)
        await asyncio.gather(*(stage.close() for stage in stages))
