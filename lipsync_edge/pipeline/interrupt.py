"""Interrupt tokens tell work that was begun before an interrupt from work that was begun after it.

A token stands for the time from one interrupt to the next. Who begins something (pushes sound, asks for frames, makes a
slot) draws the present token and keeps it; whether its result may still be used is `token.interrupted`. Nothing is
compared and nothing wraps round.

- A token is never interrupted and later not.
- `InterruptSource.interrupt` ends the present token before it gives the next: who holds a token knows that every
  earlier one says "interrupted".
- Reading is one attribute and takes no lock; whoever must not be overtaken between reading and acting holds the lock
  under which the interrupter calls `interrupt`.
"""

from __future__ import annotations

import threading


class InterruptToken:
    """The time from one interrupt to the next; made by an `InterruptSource`."""

    __slots__ = ("_interrupted",)

    def __init__(self) -> None:
        self._interrupted = False

    @property
    def interrupted(self) -> bool:
        """Whether that time is over."""
        return self._interrupted

    def end(self) -> None:
        """End that time; only its source does."""
        self._interrupted = True


class InterruptSource:
    """Gives the present token and ends it. Calls may come from any thread.

    Attributes:
        count: interrupts so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._token = InterruptToken()
        self._turn = threading.Lock()  # held for an instant: two interrupts end two tokens

    @property
    def token(self) -> InterruptToken:
        """The present token."""
        return self._token

    def interrupt(self) -> None:
        """End the present token and begin the next."""
        with self._turn:
            self._token.end()
            self._token = InterruptToken()
            self.count += 1
