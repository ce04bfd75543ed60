"""Encoders that take the machine for themselves: SVT-AV1, opened by root, makes threads real-time ones."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TASKS = Path("/proc/self/task")


@contextmanager
def ordinary_threads() -> Iterator[None]:
    """Give threads that become real-time ones inside, the caller's and new ones, their ordinary priority back.

    SVT-AV1 tries the highest real-time priority on whoever opens it, keeps it there, and starts its own threads with
    it; nothing else on the machine runs before them. Root alone is allowed that, as in most containers. Threads that
    were real-time ones before are left as they are.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        yield
        return
    before = _policies()
    try:
        yield
    finally:
        for thread, policy in _policies().items():
            if policy != os.SCHED_OTHER and before.get(thread, os.SCHED_OTHER) == os.SCHED_OTHER:
                with suppress(OSError):  # it ended
                    os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def _policies() -> dict[int, int]:
    """Return the scheduling policy of every thread of the process."""
    found = {}
    for task in TASKS.iterdir():
        with suppress(OSError):  # it ended
            found[int(task.name)] = os.sched_getscheduler(int(task.name))
    return found
