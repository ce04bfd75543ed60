"""Connections of the server: how many there may be, and how long one may take to say what it wants."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 256  # connections at a time, WebSockets among them
HEAD_S = 10.0  # within which a request's head must have come


def protocol_of(most: int = MOST, head_s: float = HEAD_S) -> type[H11Protocol]:
    """Return the class of connections for uvicorn.

    Args:
        most: connections at a time; one more is told so, with 503, and closed.
        head_s: seconds within which the head of a request must be there. Without it whoever sends a byte now and then
            keeps a connection for ever, and enough of them keep everybody else out.
    """

    class PatientProtocol(H11Protocol):
        """One connection."""

        _timer: asyncio.TimerHandle | None = None
        _is_http = True

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Take a connection, or refuse it."""
            super().connection_made(transport)
            if len(self.connections) > most:
                transport.write(_full(most))
                transport.close()
            else:
                self._await_head()

        def data_received(self, data: bytes) -> None:
            """Take bytes; those of a head that is not whole do not stop the clock."""
            if self.transport.is_closing():
                return
            super().data_received(data)
            if self.cycle is None or self.cycle.response_complete:
                self._await_head()
            else:
                self._stop_waiting()

        def handle_websocket_upgrade(self, event: Any) -> None:
            """Hand the connection over to a WebSocket, which has a clock of its own."""
            self._is_http = False
            self._stop_waiting()
            super().handle_websocket_upgrade(event)

        def on_response_complete(self) -> None:
            """Wait for the next request."""
            super().on_response_complete()
            self._stop_waiting()  # until its first byte, uvicorn waits

        def connection_lost(self, exc: Exception | None) -> None:
            """Stop the clock."""
            self._stop_waiting()
            super().connection_lost(exc)

        def _await_head(self) -> None:
            if self._timer is None and self._is_http and not self.transport.is_closing():
                self._timer = self.loop.call_later(head_s, self.transport.close)

        def _stop_waiting(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return PatientProtocol


def _full(most: int) -> bytes:
    body = json.dumps({"error": f"expected at most {most} connections"}).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
        "retry-after: 10",
    )
    return "\r\n".join((*head, "", "")).encode() + body
