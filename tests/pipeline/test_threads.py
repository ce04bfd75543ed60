# ruff: noqa: PT012 - the context manager under test is entered inside the expected exception
"""Reading ahead and writing behind: order, bounds, and an end to everything when one side fails."""

import threading
import time
from collections.abc import Iterator

import pytest

from lipsync_edge.pipeline.threads import ReadAhead, WriteBehind


def alive() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("lipsync-")]


def test_items_arrive_in_order_and_all_of_them() -> None:
    with ReadAhead(range(1000), 3) as items:
        assert list(items) == list(range(1000))
    assert not alive()


def test_at_most_depth_items_wait() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for i in range(100):
            made.append(i)
            yield i

    with ReadAhead(source(), 4) as items:
        iterator = iter(items)
        next(iterator)
        time.sleep(0.3)
        assert len(made) <= 7
    assert not alive()


def test_a_failing_source_fails_its_user_after_what_it_gave() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("broken source")

    seen = []
    with pytest.raises(ValueError, match="broken source"), ReadAhead(source(), 2) as items:
        for item in items:
            seen.append(item)
    assert seen == [1]
    assert not alive()


def test_a_failing_user_ends_the_source_and_closes_it() -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            i = 0
            while True:
                yield (i := i + 1)
        finally:
            closed.set()

    with pytest.raises(KeyError), ReadAhead(source(), 2) as items:
        next(iter(items))
        raise KeyError("user")
    assert closed.wait(2)
    assert not alive()


def test_writing_behind_keeps_order_and_finishes() -> None:
    out: list[int] = []
    with WriteBehind(out.append, 2) as sink:
        for i in range(200):
            sink.put(i)
    assert out == list(range(200))
    assert not alive()


def test_a_failing_writer_fails_its_producer_and_nobody_hangs() -> None:
    def write(item: int) -> None:
        if item == 3:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), WriteBehind(write, 1) as sink:
        for i in range(1000):
            sink.put(i)
    assert not alive()


def test_a_failure_of_the_last_item_is_not_lost() -> None:
    def write(item: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), WriteBehind(write, 4) as sink:
        sink.put(0)


def test_a_failing_producer_drops_what_waits() -> None:
    gate, out = threading.Event(), []

    def write(item: int) -> None:
        gate.wait(2)
        out.append(item)

    with pytest.raises(KeyError), WriteBehind(write, 8) as sink:
        for i in range(8):
            sink.put(i)
        threading.Timer(0.2, gate.set).start()
        raise KeyError("producer")
    assert len(out) <= 2
    assert not alive()
