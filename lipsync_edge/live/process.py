"""Process supervision: memory, heartbeat to systemd, logs as JSON lines, a watchdog."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

_STATM = Path("/proc/self/statm")


def notify_systemd(state: str) -> bool:
    """Send "READY=1", "WATCHDOG=1" or "STOPPING=1" to systemd; False when it did not start this process."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.connect("\0" + address[1:] if address.startswith("@") else address)
            channel.sendall(state.encode())
        except OSError:
            return False
    return True


class JsonLines(logging.Formatter):
    """Log formatter that writes one JSON object a line.

    It holds time (UTC seconds), level, logger, event, and what was passed as extra={"data": {…}}.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "data", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        return json.dumps(line, default=str)


class Watchdog:
    """Watchdog that calls `beat` every `every_s` seconds while a thread turns, and `hung` once when it does not.

    Args:
        age_s: tells how many seconds ago the watched thread last turned.
        limit_s: older than this is hung.
        every_s: seconds between two looks.
        beat: what to do at each look that is well.
        hung: what to do, with the age in seconds, when it hangs; the watch ends then.
    """

    def __init__(
        self,
        age_s: Callable[[], float],
        *,
        limit_s: float,
        every_s: float,
        beat: Callable[[], None],
        hung: Callable[[float], None],
    ) -> None:
        self._age_s, self._limit_s, self._every_s = age_s, limit_s, every_s
        self._beat, self._hung = beat, hung
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lipsync-watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the watch."""
        self._over.set()
        self._thread.join(2 * self._every_s)

    def _watch(self) -> None:
        next_look = time.monotonic()
        while not self._over.wait(max(0.0, next_look - time.monotonic())):
            next_look += self._every_s
            age = self._age_s()
            if age > self._limit_s:
                self._hung(age)
                return
            self._beat()
