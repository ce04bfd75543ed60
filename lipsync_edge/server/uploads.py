"""Bodies of requests: received piece by piece, as large and as slow as the limits allow, and so many at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.requests import Request

from lipsync_edge.server.session_manager import Refusal, SessionManager

STALLED = 408  # HTTP: request timeout
WHOLE_S = 120.0  # for a body that is taken as a whole


@contextmanager
def uploading(manager: SessionManager) -> Iterator[None]:
    """Hold one of the places for files that are being received, which take memory; Refusal 429 when there is none."""
    if manager.uploads >= manager.limits.waiting:
        raise Refusal(429, f"expected at most {manager.limits.waiting} uploads at a time")
    manager.uploads += 1
    try:
        yield
    finally:
        manager.uploads -= 1


async def received(
    request: Request, most: int, stall_s: float, whole_s: float = WHOLE_S
) -> AsyncIterator[bytes]:
    """Give the body as it comes.

    Args:
        request: whose body it is.
        most: bytes.
        stall_s: seconds without a byte.
        whole_s: seconds for all of it; who sends a byte now and then would hold a place for ever.

    Raises:
        Refusal: 413 when it is too large, 408 when its sender is too slow.
    """
    chunks, total, end = aiter(request.stream()), 0, time.monotonic() + whole_s
    while True:
        patience_s = min(stall_s, end - time.monotonic())
        try:
            chunk = await asyncio.wait_for(anext(chunks), patience_s)
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError as error:
            raise Refusal(STALLED, f"expected more of the body within {stall_s:g} seconds") from error
        total += len(chunk)
        if total > most:
            raise Refusal(413, f"expected at most {most} bytes")
        yield chunk
