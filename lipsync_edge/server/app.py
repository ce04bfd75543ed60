"""ASGI application: the page, its WebSocket, and the calls that other programs make.

::

    GET  /                    the page; ?session=NAME&token=…
    GET  /health              how every session does; 503 when one has failed or hangs
    POST /whep                watch by WebRTC, see lipsync_edge.server.whep
    GET  /api/config          what the page may offer: WebRTC, its ICE servers, a text box
    WS   /api/view            slots and events of a session, see lipsync_edge.server.protocol; ?sees=0: events alone
    POST /api/say             a text (text/plain), spoken by the operator's text-to-speech command
    POST /api/speak           a WAV file (audio/wav), or streamed int16 PCM (audio/pcm;rate=16000), spoken as it comes
    WS   /api/speak?rate=…    int16 PCM in binary messages; text "end" ends an utterance, "interrupt" stops it
    POST /api/interrupt       stop speaking at once

Everything takes ?session=NAME ("main" without it).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from lipsync_edge.errors import LipsyncError
from lipsync_edge.live.audio_queue import SessionOverError
from lipsync_edge.live.options import SessionOptions
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server import whep
from lipsync_edge.server.auth import REFUSED, Guard, Limits
from lipsync_edge.server.session_manager import MAIN, Refusal, SessionManager
from lipsync_edge.server.speak import manager_of, say, session_name, speak, speak_socket
from lipsync_edge.server.ways import Ways

_HERE = Path(__file__).parent / "static"
SCRIPTS = ("notice.js", "page.js", "socket.js", "rtc.js", "controls.js")
HUNG_S = 5.0


def make_app(
    open_stream: Callable[[], Stream],
    options: SessionOptions,
    *,
    limits: Limits | None = None,
    token: str = "",
    is_local: bool = True,
    quality: int = 85,
    ways: Ways | None = None,
) -> Starlette:
    """Return the ASGI application.

    Args:
        open_stream: opens the stream of a new session, at `options.rate`.
        options: how sessions run.
        limits: what the server gives away.
        token: what callers must know; "" for none.
        is_local: whether it is bound to loopback.
        quality: of the JPEGs, 1 to 100.
        ways: what is offered beside the WebSocket.
    """
    offered = ways or Ways()

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        app.state.sessions = SessionManager(open_stream, options, limits or Limits(), quality=quality)
        app.state.ways = offered
        app.state.peers = offered.peers(app.state.sessions)
        await app.state.sessions.open(MAIN)
        try:
            yield
        finally:
            if app.state.peers is not None:
                await app.state.peers.close_all()
            await app.state.sessions.close()

    return Starlette(
        routes=[
            Route("/", _page),
            *(Route(f"/{name}", _script) for name in SCRIPTS),
            Route("/health", _health),
            Route("/api/config", _config),
            Route("/api/speak", speak, methods=["POST"]),
            Route("/api/say", say, methods=["POST"]),
            Route("/api/interrupt", _interrupt, methods=["POST"]),
            *whep.ROUTES,
            WebSocketRoute("/api/view", _view),
            WebSocketRoute("/api/speak", speak_socket),
        ],
        middleware=[Middleware(Guard, token=token, is_local=is_local)],
        exception_handlers={Refusal: _refused, LipsyncError: _failed, ClientDisconnect: _left},
        lifespan=life,
    )


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse({"error": error.reason}, error.status)


async def _failed(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503 if isinstance(error, SessionOverError) else 400)


async def _left(_: Request, __: Exception) -> Response:
    """Answer nobody: the caller left while it was sending."""
    return Response(status_code=400)


async def _page(_: Request) -> Response:
    return FileResponse(_HERE / "page.html", headers={"Cache-Control": "no-cache"})


async def _script(request: Request) -> Response:
    return FileResponse(_HERE / request.url.path.rsplit("/", 1)[-1], headers={"Cache-Control": "no-cache"})


async def _health(request: Request) -> Response:
    sessions = {name: (session, session.live.health()) for name, session in manager_of(request).all.items()}
    is_well = all(
        not session.ended and health.heartbeat_age_s < HUNG_S for session, health in sessions.values()
    )
    report = {
        name: asdict(health)
        | {"viewers": len(session.broadcaster), "lost_by_viewers": session.broadcaster.lost}
        | {"webrtc": session.broadcaster.rtc.report() if session.broadcaster.rtc else None}
        for name, (session, health) in sessions.items()
    }
    return JSONResponse({"ok": is_well, "sessions": report}, 200 if is_well else 503)


async def _config(request: Request) -> Response:
    ways: Ways = request.app.state.ways
    return JSONResponse(ways.told(webrtc=request.app.state.peers is not None))


async def _interrupt(request: Request) -> Response:
    await manager_of(request).find(session_name(request)).interrupt()
    return JSONResponse({"ok": True})


async def _view(socket: WebSocket) -> None:
    await socket.accept()
    try:
        sees = socket.query_params.get("sees") != "0"
        async with manager_of(socket).watch(session_name(socket), sees=sees) as viewer:
            listening = asyncio.create_task(_listen(socket))
            listening.add_done_callback(lambda _: viewer.close())
            try:
                while (message := await viewer.get()) is not None and not listening.done():
                    await (
                        socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message)
                    )
            finally:
                listening.cancel()
        await socket.close()
    except Refusal as refusal:
        await socket.close(REFUSED, refusal.reason[:120])
    except (WebSocketDisconnect, RuntimeError):  # it left while something was being sent
        return


async def _listen(socket: WebSocket) -> None:
    """Take "interrupt" of a viewer until it leaves."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "interrupt":
            with suppress(Refusal):  # the session has just ended, which the viewer is told elsewhere
                await manager_of(socket).find(session_name(socket)).interrupt()
