"""Two small pieces of concurrency: read ahead, write behind; a failure on either side ends both."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
BYTES_A_PIXEL = 4.5  # a frame in BGR and as it was decoded
WAITING_BYTES = 24 << 20  # decoded frames that wait, as many finished ones, and as many in one batch
LEAST_WAITING, MOST_WAITING = 1, 8
POLL_S = 0.1
PATIENCE_S = 5.0  # for a thread that is to stop; more than any frame takes
_END = object()


def fitting_frames(width: int, height: int) -> int:
    """Return how many pictures of a size in pixels, decoded and in BGR, `WAITING_BYTES` hold."""
    return WAITING_BYTES // int(width * height * BYTES_A_PIXEL)


def waiting_frames(width: int, height: int) -> int:
    """Return how many pictures of a size in pixels may wait between two threads."""
    return min(MOST_WAITING, max(LEAST_WAITING, fitting_frames(width, height)))


class ReadAhead(Generic[T]):
    """Runs an iterable in a thread and yields its items in order; at most `depth` wait.

    An exception of the iterable is raised where the items are used. Leaving the context stops the thread.

    Args:
        items: what is read.
        depth: items that may wait.
        reading: gives a context manager that is entered while an item is read.
        full: gives one that is entered while an item waits for room.
        waiting: gives one that is entered while the next item is not there yet.
    """

    def __init__(
        self,
        items: Iterable[T],
        depth: int,
        *,
        reading: Callable[[], AbstractContextManager[None]] = nullcontext,
        full: Callable[[], AbstractContextManager[None]] = nullcontext,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._items = items
        self._reading, self._full, self._waiting = reading, full, waiting
        self._queue: queue.Queue[tuple[bool, T | None]] = queue.Queue(depth)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="lipsync-read", daemon=True)

    def _run(self) -> None:
        iterator = iter(self._items)
        try:
            while True:
                with self._reading():
                    item = next(iterator, _END)
                if item is _END:
                    break
                with self._full():
                    taken = self._put((True, item))  # type: ignore[arg-type]
                if not taken:
                    break
        except BaseException as error:  # handed over to the consumer
            self._error = error
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            self._put((False, None))

    def _put(self, entry: tuple[bool, T | None]) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(entry, timeout=POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def __iter__(self) -> Iterator[T]:
        """Yield the items; raise what the iterable raised."""
        while True:
            with self._waiting():
                more, item = self._queue.get()
            if not more:
                break
            yield item  # type: ignore[misc]
        if self._error is not None:
            raise self._error

    def __enter__(self) -> ReadAhead[T]:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the thread and wait for it; not for ever, as a read from a share may never return."""
        self._stop.set()
        self._thread.join(PATIENCE_S)


class WriteBehind(Generic[T]):
    """Calls a function for every item in a thread, in order; at most `depth` items wait.

    An exception of the function is raised by the next `put`, or when the context is left.
    """

    def __init__(self, function: Callable[[T], None], depth: int) -> None:
        self._function = function
        self._queue: queue.Queue[T | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._drop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lipsync-write", daemon=True)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is not None or self._drop.is_set():
                continue
            try:
                self._function(item)
            except BaseException as error:  # handed over to the producer
                self._error = error

    def put(self, item: T) -> None:
        """Hand an item over; raise what an earlier one caused."""
        if self._error is not None:
            raise self._error
        self._queue.put(item)

    def __enter__(self) -> WriteBehind[T]:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Wait until all items are done (after an exception: drop them); raise what one of them caused."""
        if kind is not None:
            self._drop.set()
        self._queue.put(None)
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error
