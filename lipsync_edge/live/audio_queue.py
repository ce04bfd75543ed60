"""Sound on its way to a show: a bounded queue between any thread and the one that makes the frames."""

from __future__ import annotations

import threading
from collections import deque
from typing import Literal

import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import LipsyncError, UsageError

Taken = Literal["taken", "full", "interrupted"]
Pcm = npt.NDArray[np.int16] | npt.NDArray[np.float32]


class SessionOverError(LipsyncError):
    """Sound was given to a show that has ended; the cause, if there was one, is chained."""


class AudioQueue:
    """Pieces of sound and ends of utterances, in order.

    Args:
        limit: samples it holds before `put` waits.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[Pcm | None] = deque()  # None: the utterance ends here
        self._held = 0
        self._change = threading.Condition()
        self._finished = False
        self._error: BaseException | None = None
        self._closed = False
        self._generation = 0

    @property
    def ticket(self) -> int:
        """Names the present; sound that is put with an older ticket than the last `clear` is not taken."""
        return self._generation

    def put(self, pcm: Pcm, *, timeout: float | None = None, ticket: int | None = None) -> Taken:
        """Add mono sound (n,); waits for room.

        Returns:
            "taken"; "full" when no room came within `timeout` seconds; "interrupted" when the queue was cleared
            while it waited for room, or since `ticket` was drawn. Only "taken" added anything.

        Raises:
            SessionOverError: the show has ended.
        """
        if pcm.ndim != 1 or pcm.dtype not in (np.int16, np.float32):
            raise UsageError(expected="int16 or float32 samples (n,)", got=f"{pcm.dtype} {pcm.shape}")
        with self._change:
            drawn = self._generation if ticket is None else ticket
            came = self._change.wait_for(
                lambda: self._closed or drawn != self._generation or self._held < self._limit, timeout
            )
            self._check_open()
            if drawn != self._generation:
                return "interrupted"
            if came and len(pcm):
                self._items.append(pcm)
                self._held += len(pcm)
                self._change.notify_all()
            return "taken" if came else "full"

    def end(self, ticket: int | None = None) -> None:
        """The utterance ends here; nothing when it was cleared since `ticket` was drawn."""
        with self._change:
            self._check_open()
            if ticket not in (None, self._generation):
                return
            self._items.append(None)
            self._change.notify_all()

    def finish(self, error: BaseException | None = None) -> None:
        """No sound will come any more; with an error, the show ends with it."""
        with self._change:
            self._finished = True
            self._error = self._error or error
            self._change.notify_all()

    def clear(self) -> None:
        """Throw away everything that waits."""
        with self._change:
            self._items.clear()
            self._held = 0
            self._generation += 1
            self._change.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """The show is over: whoever puts, or waits to put, gets SessionOverError."""
        with self._change:
            self._closed = True
            self._error = self._error or error
            self._change.notify_all()

    def take(self, most: int) -> Pcm | None:
        """Give at most `most` samples of the next piece; none (0,) when there is none, None where an utterance ends."""
        with self._change:
            self._raise_error()
            if not self._items:
                return np.zeros(0, np.int16)
            piece = self._items.popleft()
            if piece is None:
                return None
            if len(piece) > most:
                self._items.appendleft(piece[most:])
                piece = piece[:most]
            self._held -= len(piece)
            self._change.notify_all()
            return piece

    def wait(self, timeout: float) -> None:
        """Wait until there is something to take, nothing more will come, or the show is over."""
        with self._change:
            self._change.wait_for(lambda: self._items or self._finished or self._closed, timeout)

    @property
    def drained(self) -> bool:
        """Whether everything was taken and nothing more will come."""
        with self._change:
            self._raise_error()
            return self._finished and not self._items

    def can_begin(self, samples: int) -> bool:
        """Whether so many samples wait, or as many as fit, or all there will be before an end."""
        with self._change:
            enough = self._held >= min(samples, self._limit)
            is_ended = self._finished or any(item is None for item in self._items)
            return bool(self._items) and (enough or is_ended)

    @property
    def held(self) -> int:
        """Samples that wait."""
        return self._held

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _check_open(self) -> None:
        if self._closed:
            raise SessionOverError(expected="a running show", got="one that has ended") from self._error
