"""Heap of a server: memory that sessions and viewers held is given back to the system when they have left.

Pictures, encoders and connections of many sizes come and go in one heap. What is free lies in gaps between what is
still used, where the C library keeps it: a process grows for hours with nothing in it that does.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys

AFTER_S = 1.0  # when threads have ended and connections are closed


def trim() -> bool:
    """Give free pages back; return whether this C library can. Takes some ten milliseconds."""
    release = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return release is not None and bool(release(0))


class HeapTrim:
    """Trims the heap a while after somebody left, once for all who leave meanwhile; on the event loop."""

    def __init__(self) -> None:
        self._due: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Have it done soon."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(AFTER_S, self._begin)

    def cancel(self) -> None:
        """Have it not done any more."""
        if self._due is not None:
            self._due.cancel()

    def _begin(self) -> None:
        self._due = None
        asyncio.get_running_loop().run_in_executor(None, trim)
