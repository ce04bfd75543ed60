"""A real server on a free port, over the fake avatar."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from lipsync_edge.live.options import SessionOptions
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.app import make_app
from tests.live.fakes import open_stream


@dataclass
class Served:
    """Where it listens, and its application."""

    port: int
    app: Any

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


@contextmanager
def served(
    rate: int = 16_000,
    opener: Callable[[], Stream] | None = None,
    http: Any = "auto",  # noqa: ANN401
    **settings: Any,
) -> Iterator[Served]:  # noqa: ANN401
    app = make_app(opener or (lambda: open_stream(rate=rate)), SessionOptions(rate=rate), **settings)
    config = uvicorn.Config(
        app, http=http, log_level="error", ws="websockets-sansio", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        end = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < end
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield Served(listener.getsockname()[1], app)
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()
