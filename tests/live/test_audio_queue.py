"""The audio queue: bounded, ended by tokens, never a trap for a thread that waits."""

import numpy as np
import pytest

from lipsync_edge.errors import UsageError
from lipsync_edge.live import AudioQueue, SessionOverError
from lipsync_edge.pipeline.interrupt import InterruptSource
from tests.live.test_session import in_thread


def samples(count: int, value: int = 0) -> np.ndarray:
    return np.full(count, value, np.int16)


def test_it_holds_no_more_than_its_limit() -> None:
    interrupts = InterruptSource()
    queue = AudioQueue(100, interrupts)
    assert queue.put(samples(90)) == "taken"
    assert queue.put(samples(90)) == "taken"
    assert queue.put(samples(1), timeout=0.01) == "full"
    assert queue.held == 180
    thread, errors = in_thread(lambda: queue.put(samples(5)))
    interrupts.interrupt()
    queue.drop_interrupted()
    thread.join(1)
    assert not thread.is_alive()
    assert not errors
    assert queue.held in (0, 5)  # it came before or after the interrupt, but it did come through
    with pytest.raises(UsageError):
        queue.put(np.zeros((2, 2), np.int16))


def test_nothing_waits_for_ever_on_a_closed_queue() -> None:
    queue = AudioQueue(1, InterruptSource())
    queue.put(samples(2))
    thread, errors = in_thread(lambda: queue.put(samples(2)))
    queue.close()
    thread.join(1)
    assert isinstance(errors[0], SessionOverError)


def test_sound_is_given_to_its_own_token_only() -> None:
    interrupts = InterruptSource()
    queue, old = AudioQueue(100, interrupts), interrupts.token
    queue.put(samples(10, 1))
    interrupts.interrupt()
    new = interrupts.token
    assert queue.put(samples(10, 2), token=old) == "interrupted"
    queue.end(old)
    assert queue.put(samples(10, 3), token=new) == "taken"
    queue.end(new)
    taken = queue.take(4, old)
    assert taken is not None
    assert len(taken) == 0, "a slot begun before the interrupt takes nothing that was said after it"
    assert [queue.take(4, new).tolist() for _ in range(3)] == [[3] * 4, [3] * 4, [3] * 2]  # type: ignore[union-attr]
    assert queue.take(4, new) is None, "its own end, not that of the old utterance"
    assert queue.held == 0
