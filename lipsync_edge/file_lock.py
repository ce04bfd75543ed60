"""A lock between processes: one at a time works inside, and a process that dies frees it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.05


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a file, which is made where it is not there and stays.

    Args:
        path: of the lock file; OSError when it cannot be made.
        wait: wait for another process; else give False at once when there is one.

    Yields:
        Whether the lock is held.
    """
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        held = _take(number)
        while wait and not held:
            time.sleep(_POLL_S)
            held = _take(number)
        yield held
    finally:
        os.close(number)  # which frees it


def _take(number: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
