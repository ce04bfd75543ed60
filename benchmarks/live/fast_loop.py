"""Clock and event loop that run faster than the wall's: hours of timeouts, pauses and pacing in minutes.

All that waits by the loop (sleeps, timeouts, connectivity checks, reports) is so much shorter; sockets and computing
are as they are. What cannot be made in time at that pace is late, as on a machine that is so much slower.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Mapping
from typing import Any


class FastClock:
    """Seconds, monotonic, that go by `factor` times as fast.

    Args:
        factor: simulated seconds in one of the wall's.
    """

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self._began = time.monotonic()

    def now(self) -> float:
        """Return simulated seconds."""
        return self._began + (time.monotonic() - self._began) * self.factor

    def sleep(self, seconds: float) -> None:
        """Wait so many simulated seconds."""
        time.sleep(max(0.0, seconds) / self.factor)


class _FastSelector(selectors.DefaultSelector):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor = factor

    def select(self, timeout: float | None = None) -> list[tuple[Any, int]]:
        return super().select(None if timeout is None else timeout / self._factor)


class FastLoop(asyncio.SelectorEventLoop):
    """Event loop on a fast clock.

    Args:
        clock: its time.
    """

    def __init__(self, clock: FastClock) -> None:
        self._clock = clock
        super().__init__(_FastSelector(clock.factor))

    def time(self) -> float:
        """Return simulated seconds."""
        return self._clock.now()

    def call_exception_handler(self, context: Mapping[str, Any]) -> None:
        """Note what nobody caught, and tell it as usual."""
        self.uncaught = getattr(self, "uncaught", 0) + 1
        super().call_exception_handler(dict(context))
