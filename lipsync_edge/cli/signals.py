"""Signals that stop a command: the first unwinds it, those that follow find it tidying up and change nothing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from lipsync_edge.cli.stuck import ending_anyway

# Ctrl-C and a supervisor; a terminal that is closed, its other key, the processor time that a scheduler grants
_ALWAYS = (signal.SIGINT, signal.SIGTERM)
_UNLESS_IGNORED = ("SIGHUP", "SIGQUIT", "SIGXCPU")  # as `nohup` does
# others that would end the process on the spot, as long as nobody has another use for them
_UNLESS_USED = ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGPOLL", "SIGPWR", "SIGSTKFLT")
_UNUSED = [getattr(signal, name) for name in _UNLESS_USED if hasattr(signal, name)]
STOPPING = [
    *_ALWAYS,
    *(getattr(signal, name) for name in _UNLESS_IGNORED if hasattr(signal, name)),
    *_UNUSED,
]


@contextmanager
def stopping_once() -> Iterator[None]:
    """Raise KeyboardInterrupt (Ctrl-C) or SystemExit (the others, 128 + number) at the first, and at no other."""
    taken = [one for one in STOPPING if _is_taken(one)]
    before = {number: signal.signal(number, _stop) for number in taken}
    try:
        with ending_anyway(STOPPING, _is_ours):
            yield
    finally:
        if not _stopped():  # else the process is about to end, and nothing may disturb that
            for number, handler in before.items():
                signal.signal(number, handler)


def leave(command: Callable[[], int]) -> NoReturn:
    """End the process with a command's exit code; at once where a signal stopped it, as Python's end minds signals."""
    try:
        code: Any = command()
    except SystemExit as stop:
        code = stop.code
    if _stopped():
        for out in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                out.flush()
        os._exit(code)
    sys.exit(code)


def _stop(number: int, frame: FrameType | None) -> None:
    for one in (one for one in STOPPING if _is_ours(one)):
        signal.signal(one, _pass_over)  # not SIG_IGN: Python would report one that is on its way
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


def _is_taken(number: int) -> bool:
    """Whether a signal stops the command: what somebody ignores, or uses, is left to them."""
    handler = signal.getsignal(number)
    if number in _UNUSED:
        return handler is signal.SIG_DFL
    return number in _ALWAYS or handler is not signal.SIG_IGN


def _pass_over(number: int, frame: FrameType | None) -> None:
    pass


def _is_ours(number: int) -> bool:
    return signal.getsignal(number) in (_stop, _pass_over)


def _stopped() -> bool:
    return signal.getsignal(signal.SIGINT) is _pass_over
