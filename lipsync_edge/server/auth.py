"""Access control: the server's own page, and programs that know the token."""

from __future__ import annotations

import hmac
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

LOOPBACK = ("127.0.0.1", "localhost", "::1")
REFUSED = 1008  # WebSocket: policy violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of what a server gives away.

    Attributes:
        sessions: live sessions at a time.
        viewers: browsers of one session.
        upload_bytes: bytes of one upload.
        upload_s: seconds of speech in one uploaded file; a few bytes may hold hours of silence.
        message_bytes: bytes of one WebSocket message.
        waiting: callers of one session that may wait for their turn to speak, those who upload among them.
        stall_s: seconds without a byte after which a streamed utterance ends, and an upload is given up.
    """

    sessions: int = 2
    viewers: int = 8
    upload_bytes: int = 20_000_000
    upload_s: float = 600.0
    message_bytes: int = 1_000_000
    waiting: int = 8
    stall_s: float = 10.0


def is_address(name: str) -> bool:
    """Whether a host is an IP address, which no name server can bend."""
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


class Guard:
    """Middleware that refuses what comes from other web pages or lacks the token.

    A page of another site may reach a server on 127.0.0.1 through the visitor's browser; the browser then says so
    in Origin, or, after DNS rebinding, in Host. A server on loopback answers to its own names alone; one on a network
    without a token to its addresses and host name; one with a token to any name, for a proxy may have one of its own.

    Args:
        app: the application behind it.
        token: what callers of /api and /whep must give, as "Authorization: Bearer …" or "?token=…"; "" asks for none.
        is_local: whether the server is bound to loopback.
    """

    def __init__(self, app: ASGIApp, token: str = "", *, is_local: bool = True) -> None:
        self._app, self._token, self._is_local = app, token, is_local
        own = socket.gethostname().lower()
        self._names = (*LOOPBACK, own, own.split(".")[0], f"{own.split('.')[0]}.local")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        status, reason = self._check(scope)
        if status == 200:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close(REFUSED, reason)
        else:
            await JSONResponse({"error": reason}, status)(scope, receive, send)

    def _is_own(self, name: str | None) -> bool:
        """Whether a server of this kind answers to a name: any that nobody could bend to this machine, in a browser."""
        if self._is_local:
            return name in LOOPBACK
        return bool(self._token) or name in self._names or is_address(name or "")

    def _check(self, scope: Scope) -> tuple[int, str]:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        origin = headers.get("origin")
        try:
            name, page = urlsplit(f"//{host}").hostname, urlsplit(origin or "").netloc
        except ValueError:
            return 403, "expected a Host and an Origin that can be read"
        if not self._is_own(name):
            return 403, "expected a request to this machine by its own name"
        if origin is not None and page != host:
            return 403, "expected a request of the server's own page"
        if self._token and scope["path"].startswith(("/api/", "/whep")):
            given = headers.get("authorization", "").removeprefix("Bearer ").strip()
            given = given or parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                return 401, "expected the server's token"
        return 200, ""
