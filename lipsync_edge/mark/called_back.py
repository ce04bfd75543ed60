"""Calls of a library that calls back through ctypes, where what a signal raises would be lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def apart(call: Callable[[], T]) -> T:
    """Return what a call returns, or raise what it raises, made in a thread of its own.

    Python minds signals in its main thread, between any two steps: inside a callback too, and ctypes prints what is
    raised there and goes on. Nothing is raised in another thread. Where a signal ends the wait for it, the call is
    still finished before that goes on, so that nobody writes into a file that is tidied away.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="lipsync-mark") as pool:
        return pool.submit(call).result()
