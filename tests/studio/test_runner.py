"""Tasks: one at a time, in order; each end is a state; a cancelled one stops where it is."""

import threading
from collections.abc import Iterator

import pytest

from lipsync_edge.errors import LipsyncError, OutputError, UsageError
from lipsync_edge.pipeline.interrupt import InterruptSource
from lipsync_edge.studio.runner import WAITING_MOST, Cancelled, Control, Runner


@pytest.fixture
def runner() -> Iterator[Runner]:
    with Runner() as it:
        yield it


def test_tasks_are_done_in_their_order(runner: Runner) -> None:
    done: list[int] = []
    tasks = [runner.submit("x", str(n), lambda control, n=n: done.append(n)) for n in range(4)]
    assert all(task.wait(10) for task in tasks)
    assert done == [0, 1, 2, 3]
    assert {task.state for task in tasks} == {"done"}
    assert runner.current is None


def test_every_error_has_three_lines(runner: Runner) -> None:
    def ours(control: Control) -> None:
        raise UsageError(expected="a", got="b", fix="c")

    def systems(control: Control) -> None:
        raise PermissionError(13, "Permission denied", "/x")

    def unforeseen(control: Control) -> None:
        raise ZeroDivisionError("by nought")

    tasks = [runner.submit("x", "x", work) for work in (ours, systems, unforeseen)]
    assert all(task.wait(10) for task in tasks)
    assert [task.state for task in tasks] == ["failed"] * 3
    first, second, third = (task.error for task in tasks)
    assert isinstance(first, UsageError)
    assert isinstance(second, OutputError)
    assert isinstance(third, LipsyncError)
    assert "ZeroDivisionError: by nought" in third.got
    assert third.fix
    after = runner.submit("x", "x", lambda control: 7)
    assert after.wait(10)
    assert after.result == 7


def test_a_cancelled_task_stops_and_the_next_goes_on(runner: Runner) -> None:
    began, seen = threading.Event(), []

    def work(control: Control) -> None:
        began.set()
        try:
            while True:
                control.count(1, 10)
        finally:
            seen.append("tidied up")

    first, waiting, last = (
        runner.submit("x", n, w) for n, w in (("1", work), ("2", work), ("3", lambda c: 3))
    )
    assert began.wait(10)
    waiting.cancel()
    first.cancel()
    assert first.wait(10)
    assert last.wait(10)
    assert [first.state, waiting.state, last.state] == ["cancelled", "cancelled", "done"]
    assert seen == ["tidied up"]
    first.cancel()
    assert first.state == "cancelled"


def test_leaving_cancels_everything() -> None:
    began = threading.Event()

    def work(control: Control) -> None:
        began.set()
        while True:
            control.check()

    with Runner() as runner:
        task = runner.submit("x", "x", work)
        assert began.wait(10)
    assert task.state == "cancelled"


def test_not_everything_may_wait(runner: Runner) -> None:
    hold = threading.Event()
    tasks = [runner.submit("x", "x", lambda control: hold.wait(10)) for _ in range(WAITING_MOST + 1)]
    with pytest.raises(UsageError, match="wait"):
        runner.submit("x", "x", lambda control: None)
    hold.set()
    assert all(task.wait(10) for task in tasks)


def test_time_left_is_told_from_what_was_done() -> None:
    now = 0.0
    source = InterruptSource()
    control = Control(source.token, clock=lambda: now)
    control.say("loading")
    assert control.progress().said == "loading"
    assert control.progress().left_s is None
    now = 10.0  # what loading took does not count
    control.count(0, 100)
    now = 12.0
    control.count(50, 100)
    told = control.progress()
    assert (told.done, told.total, told.left_s, told.fps, told.elapsed_s) == (50, 100, 2.0, 25.0, 12.0)
    control.count(60, None)
    assert control.progress().left_s is None
    source.interrupt()
    for call in (control.check, lambda: control.count(1, 2), lambda: control.say("x")):
        with pytest.raises(Cancelled):
            call()
