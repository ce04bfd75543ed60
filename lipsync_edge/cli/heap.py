"""Heap of a process that makes a film or serves: one for all threads, so that what one gives back another takes."""

from __future__ import annotations

import ctypes
import os
import sys

_ARENA_MAX = -8  # glibc's M_ARENA_MAX
_SETTINGS = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")  # environment variables by which somebody else decided


def share_heap() -> bool:
    """Let threads that are started from now on share one heap; return whether this C library can be told so.

    Frames go from the thread that decodes them to those that change and encode them. With a heap a thread, each keeps
    the room of the most frames that it ever held: 40 MB more at 720p, 100 MB at 1080p. A server's sessions are threads
    that come and go. Only for processes that are the program's own, as it holds for all that run in them.
    """
    if sys.platform != "linux" or any(name in os.environ for name in _SETTINGS):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries than glibc have none
    return mallopt is not None and bool(mallopt(_ARENA_MAX, 1))
