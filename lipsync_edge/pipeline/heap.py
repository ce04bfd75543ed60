"""Heap of the process: what a finished step held is given back to the system before the next one begins."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> bool:
    """Give free memory back to the system; return whether this C library can.

    A C library keeps what was freed, so that pictures of one step and blocks of another size of the next would stand
    beside each other.
    """
    if sys.platform != "linux":
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries than glibc have none
    return trim is not None and bool(trim(0))
