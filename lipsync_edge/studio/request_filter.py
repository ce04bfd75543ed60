"""Request filter before Gradio: what the page needs passes, nothing else; and what it shows comes from here alone.

Gradio serves more than this page uses (files by path, a proxy, an API with a client of its own). The filter knows the
page's own addresses and answers 404 to all others, so that none of that has to be trusted. What browsers get forbids
them to fetch anything from elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "lipsync_edge_studio"
UPLOAD = "/gradio_api/upload"
EVENT = "/gradio_api/queue/join"
FILE = "/gradio_api/file="
MOST_BODY = 2_000_000  # bytes of a request that uploads nothing
ALLOWED = re.compile(
    r"/|/config|/theme\.css|/favicon\.ico|/manifest\.json"
    r"|/(?:assets|static|svelte)/[\w\-./@+]+"
    r"|/results/[\w\-]+/[\w\-.]+"
    r"|/gradio_api/(?:queue/(?:join|data)|upload|upload_progress|cancel|reset|heartbeat/\w+|startup-events|file=.*)"
)
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; frame-src 'self'; frame-ancestors 'self'; "
    "base-uri 'self'; form-action 'self'; object-src 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
}
# elements of Gradio's page that lead elsewhere: preconnections, fonts, scripts for pages that frame it, previews
_AFAR = re.compile(
    rb"<link\b[^>]*\bhref=[\"'](?:https?:)?//[^>]*>"
    rb"|<script\b[^>]*\bsrc=[\"'](?:https?:)?//[^>]*>\s*</script>"
    rb"|<meta\b[^>]*\bcontent=[\"'](?:https?:)?//[^>]*>"
)


class RequestFilter:
    """Middleware that lets the page's own requests pass.

    Args:
        app: the application behind it.
        uploads: folder of uploads and of what Gradio shows; no file outside of it is served by path.
        token: what browsers must know, given once as ?token=…; "" asks for none.
    """

    def __init__(self, app: ASGIApp, uploads: Path, token: str = "") -> None:
        self._app = app
        self._uploads = uploads.resolve()
        self._ticket = hashlib.sha256(token.encode()).hexdigest() if token else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refusal = self._admission(scope) or self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        path = scope["path"]
        answer = _Answer(send, is_page=path == "/", policy="" if path.startswith("/results/") else POLICY)
        if path != UPLOAD:
            body = await _whole(receive, MOST_BODY)
            if body is None or (path == EVENT and not self._names_uploads(body)):
                await PlainTextResponse("Not taken.", 403)(scope, receive, send)
                return
            receive = _Again(body, receive)
        await self._app(_plain(scope), receive, answer)

    def _admission(self, scope: Scope) -> Response | None:
        """Ask for the token, where there is one; who gives it is remembered by a cookie."""
        if not self._ticket:
            return None
        headers = Headers(scope=scope)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if given and hmac.compare_digest(hashlib.sha256(given.encode()).hexdigest(), self._ticket):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, self._ticket, httponly=True, samesite="strict")
            return answer
        if hmac.compare_digest(_cookie(headers.get("cookie", "")).encode(), self._ticket.encode()):
            return None
        return PlainTextResponse("Open this page with its token: /?token=…", 401)

    def _refusal(self, scope: Scope) -> Response | None:
        """Refuse addresses that the page does not use, files outside of the uploads, bodies that are too large."""
        path = scope["path"]
        nowhere = PlainTextResponse("Nothing here.", 404)
        if not ALLOWED.fullmatch(path) or ".." in path.split("/"):
            return nowhere
        if path.startswith(FILE) and not self._is_upload(path.removeprefix(FILE)):
            return nowhere
        length = Headers(scope=scope).get("content-length", "0")
        if path != UPLOAD and (not length.isdigit() or int(length) > MOST_BODY):
            return PlainTextResponse("Too much.", 413)
        return None

    def _names_uploads(self, body: bytes) -> bool:
        """Whether every file that an event names is an upload: Gradio takes paths from browsers."""
        try:
            waiting = [json.loads(body)]
        except (ValueError, RecursionError):
            return False
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                if isinstance(value.get("path"), str) and not self._is_upload(value["path"]):
                    return False
                waiting += value.values()
            elif isinstance(value, list):
                waiting += value
        return True

    def _is_upload(self, name: str) -> bool:
        """Whether a path, however it is written, leads to a file among the uploads."""
        for text in (name, unquote(name)):
            try:
                if "\0" in text or not Path(text).resolve().is_relative_to(self._uploads):
                    return False
            except (OSError, ValueError, RuntimeError):
                return False
        return True


async def _whole(receive: Receive, most: int) -> bytes | None:
    """Read a request's body; None where it is too large, or broken off."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body"):
            return body


class _Again:
    """A body that was read, given once more; then whatever comes next."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Answer:
    """An answer with our headers; of the page itself what leads elsewhere is taken out."""

    def __init__(self, send: Send, *, is_page: bool, policy: str) -> None:
        self._send, self._is_page, self._policy = send, is_page, policy
        self._start: Message | None = None
        self._page = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            for name, value in HEADERS.items():
                headers[name] = value
            if self._policy:
                headers["Content-Security-Policy"] = self._policy
            if self._is_page:
                self._start = message
                return
        elif self._start is not None:
            self._page += message.get("body", b"")
            if message.get("more_body"):
                return
            page = _AFAR.sub(b"", self._page)
            MutableHeaders(raw=self._start["headers"])["Content-Length"] = str(len(page))
            await self._send(self._start)
            await self._send({"type": "http.response.body", "body": page})
            return
        await self._send(message)


def _plain(scope: Scope) -> Scope:
    """A request for the page that is answered as it is, so that it can be read, and that asks for nothing more."""
    if scope["path"] != "/":
        return scope
    kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
    return {**scope, "headers": kept, "query_string": b""}


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""
