"""Runner of `lipsync-edge serve`: from options to a server that runs until a signal."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

from lipsync_edge.errors import LipsyncError, OutputError, UsageError
from lipsync_edge.live.options import SessionOptions
from lipsync_edge.live.process import notify_systemd
from lipsync_edge.live.setup import LOG, stop_on_signals, watched
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.options import ServeOptions

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from lipsync_edge.server.session import ServerSession


def make_server_app(options: ServeOptions, stream: Stream) -> Starlette:
    """Return the application; every session gets a stream of the given stream's renderer and avatar."""
    from lipsync_edge.server.app import make_app
    from lipsync_edge.server.auth import LOOPBACK, Limits
    from lipsync_edge.server.tts import command_of
    from lipsync_edge.server.ways import Ways

    ways = Ways(
        webrtc=options.webrtc,
        ice=options.ice,
        address=_media_address(options.host),
        tts=command_of(options.tts) if options.tts else (),
    )
    ways.check()
    return make_app(
        stream.again,
        SessionOptions(rate=options.rate),
        limits=Limits(
            sessions=options.sessions, viewers=options.viewers, upload_bytes=options.upload_mb * 1_000_000
        ),
        token=options.token,
        is_local=options.host in LOOPBACK,
        quality=options.quality,
        ways=ways,
    )


def _media_address(host: str) -> str:
    """Address of this machine that media goes through; "" for every one."""
    return {"localhost": "127.0.0.1", "0.0.0.0": "", "::": ""}.get(host, host)


def run_server(options: ServeOptions, stream: Stream) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UsageError: the extra `serve` is not installed.
        OutputError: the address cannot be listened on.
        LipsyncError: the server did not start.
    """
    try:
        import starlette  # noqa: F401 - told here, before anything is loaded
        import uvicorn
        import websockets  # noqa: F401
    except ImportError as error:
        raise UsageError(
            expected="the packages of the extra `serve`",
            got=str(error),
            fix="pip install lipsync-edge[serve]",
        ) from error
    from lipsync_edge.server.auth import LOOPBACK
    from lipsync_edge.server.connections import protocol_of

    app = make_server_app(options, stream)
    stream.close()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=protocol_of(),
        ws_max_size=1_000_000,
        ws="websockets-sansio",
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    try:
        listener = socket.create_server((options.host, options.port), family=_family(options.host))
    except OSError as error:
        raise OutputError(expected=f"to listen on {options.host}:{options.port}", got=str(error)) from error
    with listener, ExitStack() as stack:
        # the server handles signals itself, and passes them on at its end
        stack.enter_context(stop_on_signals(lambda: None))
        port = listener.getsockname()[1]
        LOG.info("serving", extra={"data": {"url": f"http://{options.host}:{port}/"}})
        if options.watchdog_s > 0:
            stack.enter_context(watched(lambda: _age_s(app), options.watchdog_s, lambda: _report(app)))
        if not options.token and options.host not in LOOPBACK:
            LOG.warning("everyone in reach may use it: no token", extra={"data": {"host": options.host}})
        notify_systemd("READY=1")
        server.run([listener])
        notify_systemd("STOPPING=1")
    if not server.started:
        raise LipsyncError(expected="a server", got="one that did not start", fix="see the log above")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _age_s(app: Starlette) -> float:
    """Age of the oldest heartbeat of a running session."""
    reports = [session.live.health() for session in _sessions(app).values()]
    return max((health.heartbeat_age_s for health in reports if health.running), default=0.0)


def _report(app: Starlette) -> dict[str, object]:
    return {name: asdict(session.live.health()) for name, session in _sessions(app).items()}


def _sessions(app: Starlette) -> dict[str, ServerSession]:
    manager = getattr(app.state, "sessions", None)  # there from the start of the server on
    found: dict[str, ServerSession] = manager.all if manager is not None else {}
    return found
