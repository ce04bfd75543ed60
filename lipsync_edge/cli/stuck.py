"""Ends a command that a signal cannot stop: a read or write of a share that does not answer never returns."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GRACE_S = 20.0  # more than tidying up takes
_LOOK_S = 1.0
_END = b"\0"  # no signal has this number
_SAID = (
    b"lipsync-edge: stopped, though a file did not answer (on a network drive?); what was begun may be left\n"
)


@contextmanager
def ending_anyway(numbers: Collection[int], ours: Callable[[int], bool]) -> Iterator[None]:
    """End the process, with 128 + its number, when a signal came `GRACE_S` ago and what is done inside goes on.

    Python minds signals between two steps of its main thread. Where that waits in the system, a thread of its own sees
    that one came or, on Linux, that one waits to be delivered. What was being written keeps its hidden name. Only in
    the main thread of POSIX; elsewhere it does nothing.

    Args:
        numbers: of the signals.
        ours: whether a signal is handled by who calls this; what others handle may take its time.
    """
    if os.name != "posix" or threading.current_thread() is not threading.main_thread():
        yield
        return
    ends, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    watch = threading.Thread(target=_watch, args=(ends, numbers, ours), name="lipsync-signals", daemon=True)
    watch.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.write(told, _END)
        watch.join()
        os.close(ends)
        os.close(told)


def _watch(ends: int, numbers: Collection[int], ours: Callable[[int], bool]) -> None:
    came: dict[int, float] = {}
    waits: dict[int, float] = {}
    while True:
        heard = os.read(ends, 64) if select.select([ends], [], [], _LOOK_S)[0] else b""
        if _END[0] in heard:
            return
        now = time.monotonic()
        for number in heard:
            if number in numbers and ours(number):
                came.setdefault(number, now)
        waits = {number: waits.get(number, now) for number in _pending() if number in numbers}
        for number, since in (*came.items(), *waits.items()):
            if now - since > GRACE_S:
                with suppress(OSError):
                    os.write(2, _SAID)
                os._exit(128 + number)


def _pending() -> set[int]:
    """Signals that wait until the main thread leaves the system; none where nothing tells."""
    try:
        lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return set()
    bits = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd:", "ShdPnd:"))]
    return {number for number in range(1, 65) if any(mask >> number - 1 & 1 for mask in bits)}
