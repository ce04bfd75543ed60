"""Bounded PCM queue between producers and the render thread."""

from __future__ import annotations

import threading
from collections import deque
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import LipsyncError, UsageError
from lipsync_edge.pipeline.interrupt import InterruptSource, InterruptToken

PutResult = Literal["taken", "full", "interrupted"]
Pcm = npt.NDArray[np.int16] | npt.NDArray[np.float32]


class SessionOverError(LipsyncError):
    """Sound was given to a session that has ended; the cause, if there was one, is chained."""


class _Item(NamedTuple):
    token: InterruptToken  # of the time it was put in
    pcm: Pcm | None  # None: the utterance ends here


class AudioQueue:
    """Queue of PCM pieces and ends of utterances, in order; what was put before an interrupt is never given.

    Items of an interrupted token always stand before those of the present one, because a token is ended before the
    next is given and `put` looks at its own under the queue's lock.

    Args:
        limit: samples it holds before `put` waits.
        interrupts: where tokens come from.
    """

    def __init__(self, limit: int, interrupts: InterruptSource) -> None:
        self._limit = limit
        self._interrupts = interrupts
        self._items: deque[_Item] = deque()
        self._held = 0
        self._change = threading.Condition()
        self._finished = False
        self._error: BaseException | None = None
        self._closed = False

    def put(
        self, pcm: Pcm, *, timeout: float | None = None, token: InterruptToken | None = None
    ) -> PutResult:
        """Add mono sound (n,); waits for room.

        Args:
            pcm: int16 or float32 (n,).
            timeout: seconds to wait for room; None waits for ever.
            token: the time it belongs to; the present one without.

        Returns:
            "taken"; "full" when no room came within `timeout` seconds; "interrupted" when the token was. Only "taken"
            added anything.

        Raises:
            SessionOverError: the session has ended.
        """
        if pcm.ndim != 1 or pcm.dtype not in (np.int16, np.float32):
            raise UsageError(expected="int16 or float32 samples (n,)", got=f"{pcm.dtype} {pcm.shape}")
        drawn = token or self._interrupts.token
        with self._change:
            has_room = self._change.wait_for(
                lambda: self._closed or drawn.interrupted or self._held < self._limit, timeout
            )
            self._check_open()
            if drawn.interrupted:
                return "interrupted"
            if has_room and len(pcm):
                self._items.append(_Item(drawn, pcm))
                self._held += len(pcm)
                self._change.notify_all()
            return "taken" if has_room else "full"

    def end(self, token: InterruptToken | None = None) -> None:
        """End the utterance here; nothing when `token` was interrupted."""
        drawn = token or self._interrupts.token
        with self._change:
            self._check_open()
            if drawn.interrupted:
                return
            self._items.append(_Item(drawn, None))
            self._change.notify_all()

    def finish(self, error: BaseException | None = None) -> None:
        """Say that no sound will come any more; with an error, the session ends with it."""
        with self._change:
            self._finished = True
            self._error = self._error or error
            self._change.notify_all()

    def drop_interrupted(self) -> None:
        """Throw away what was put before the last interrupt, and wake whoever waits."""
        with self._change:
            self._drop_interrupted()
            self._change.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """End the queue: whoever puts, or waits to put, gets SessionOverError."""
        with self._change:
            self._closed = True
            self._error = self._error or error
            self._change.notify_all()

    def take(self, most: int, token: InterruptToken) -> Pcm | None:
        """Give sound that was put with `token`: at most `most` samples of the next piece.

        Returns:
            int16 or float32 (n,); (0,) when there is none of that token; None where an utterance ends.
        """
        with self._change:
            self._raise_error()
            self._drop_interrupted()
            if not self._items or self._items[0].token is not token:
                return np.zeros(0, np.int16)
            piece = self._items.popleft().pcm
            if piece is None:
                return None
            if len(piece) > most:
                self._items.appendleft(_Item(token, piece[most:]))
                piece = piece[:most]
            self._held -= len(piece)
            self._change.notify_all()
            return piece

    def wait(self, timeout: float, token: InterruptToken) -> None:
        """Wait until there is something to take, nothing more will come, `token` is interrupted, or all is over."""
        with self._change:
            self._change.wait_for(
                lambda: self._items or self._finished or self._closed or token.interrupted, timeout
            )

    @property
    def drained(self) -> bool:
        """Whether everything was taken and nothing more will come."""
        with self._change:
            self._raise_error()
            self._drop_interrupted()
            return self._finished and not self._items

    def can_begin(self, samples: int) -> bool:
        """Whether so many samples wait, or as many as fit, or all there will be before an end."""
        with self._change:
            self._drop_interrupted()
            enough = self._held >= min(samples, self._limit)
            is_ended = self._finished or any(item.pcm is None for item in self._items)
            return bool(self._items) and (enough or is_ended)

    @property
    def held(self) -> int:
        """Samples that wait."""
        return self._held

    def _drop_interrupted(self) -> None:
        while self._items and self._items[0].token.interrupted:
            pcm = self._items.popleft().pcm
            self._held -= 0 if pcm is None else len(pcm)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _check_open(self) -> None:
        if self._closed:
            raise SessionOverError(expected="a running session", got="one that has ended") from self._error
