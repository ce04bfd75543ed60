"""Task runner: one thread that does one task after another, tells how far it is, and stops when it is told to."""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from lipsync_edge.errors import LipsyncError, UsageError, told_by_system
from lipsync_edge.pipeline.interrupt import InterruptSource, InterruptToken

LOG = logging.getLogger("lipsync_edge.studio")
WAITING_MOST = 8  # tasks that may wait
REMEMBERED = 32  # tasks that can still be asked for
SURE_S = 0.5  # of work from which the time left is told
ENDED = ("done", "failed", "cancelled")

State = Literal["waiting", "running", "done", "failed", "cancelled"]


class Cancelled(BaseException):
    """Somebody does not want the result any more; no error, so that nothing on the way takes it for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a task is.

    Attributes:
        done: units that are done.
        total: of all; None: nobody knows.
        unit: what is counted.
        said: what is being done, for people.
        elapsed_s: seconds since it began.
        left_s: seconds that are left; None: nobody knows.
        fps: units a second.
    """

    done: int = 0
    total: int | None = None
    unit: str = "frames"
    said: str = ""
    elapsed_s: float = 0.0
    left_s: float | None = None
    fps: float = 0.0


class Control:
    """What a task's work is handed: a place to tell how far it is, which raises `Cancelled` once it was cancelled."""

    def __init__(self, token: InterruptToken, clock: Callable[[], float] = time.monotonic) -> None:
        self._token, self._clock = token, clock
        self._began = clock()
        self._first: tuple[float, int] | None = None  # when the first units were done, and how many
        self._state = Progress()
        self._turn = threading.Lock()

    def check(self) -> None:
        """Raise `Cancelled` if the task was."""
        if self._token.interrupted:
            raise Cancelled

    def say(self, text: str) -> None:
        """Tell what is being done; what was counted before does not count for it."""
        self.check()
        with self._turn:
            self._first = None
            self._state = Progress(said=text)

    def count(self, done: int, total: int | None, unit: str = "frames") -> None:
        """Tell how many units are done, of how many (None: nobody knows)."""
        self.check()
        now = self._clock()
        with self._turn:
            if self._first is None or done < self._first[1]:
                self._first = (now, done)
            seconds, more = now - self._first[0], done - self._first[1]
            fps = more / seconds if seconds > SURE_S else 0.0
            left = max(total - done, 0) / fps if total is not None and fps else None
            self._state = replace(
                self._state, done=done, total=total, unit=unit, fps=round(fps, 2), left_s=left
            )

    def observe(self, stage: str, seconds: float, frames: int) -> None:
        """Stand by while a run goes through its stages: so it ends soon, whatever it is at."""
        self.check()

    def progress(self) -> Progress:
        """Return how far it is."""
        with self._turn:
            return replace(self._state, elapsed_s=self._clock() - self._began)


Work = Callable[[Control], Any]


class Task:
    """Something to be done, being done, or done.

    Attributes:
        key: tells it from others.
        kind: what sort of thing it is.
        title: for people.
        state: where it is.
        result: what its work returned.
        error: what went wrong, in our own three parts.
    """

    def __init__(self, kind: str, title: str, work: Work) -> None:
        self.key = secrets.token_hex(8)
        self.kind, self.title = kind, title
        self.state: State = "waiting"
        self.result: Any = None
        self.error: LipsyncError | None = None
        self._work = work
        self._interrupts = InterruptSource()
        self._token = self._interrupts.token
        self._control: Control | None = None
        self._ended = threading.Event()

    def cancel(self) -> None:
        """Want it no more; it ends soon and leaves nothing. Nothing happens to one that has ended."""
        self._interrupts.interrupt()

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(said="waiting for its turn") if self._control is None else self._control.progress()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; False when that did not come in time."""
        return self._ended.wait(timeout_s)

    def run(self) -> None:
        """Do it, in this thread; every end is a state, none is an exception."""
        try:
            if self._token.interrupted:
                raise Cancelled
            self.state, self._control = "running", Control(self._token)
            result = self._work(self._control)
            self._end("done", result)
        except Cancelled:
            self._end("cancelled")
        except LipsyncError as error:
            self._end("failed", error=error)
        except OSError as error:
            self._end("failed", error=told_by_system(error))
        except Exception as error:
            LOG.exception("task failed")
            self._end("failed", error=_unforeseen(error))

    def _end(self, state: State, result: Any = None, error: LipsyncError | None = None) -> None:
        self.result, self.error = result, error
        self.state = state
        self._ended.set()


def _unforeseen(error: Exception) -> LipsyncError:
    return LipsyncError(
        expected="the work to go through",
        got=f"{type(error).__name__}: {error}"[:300],
        fix="this is a mistake of the program: please report it, with what its window printed",
    )


class Runner:
    """Does tasks in the order in which they came, each alone: the networks use all cores anyway.

    As a context manager it cancels what is left when it is left, and waits for that.
    """

    def __init__(self) -> None:
        self._queue: queue.Queue[Task | None] = queue.Queue()
        self._tasks: dict[str, Task] = {}
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="lipsync-studio", daemon=True)

    def submit(self, kind: str, title: str, work: Work) -> Task:
        """Have something done.

        Raises:
            UsageError: too much is waiting.
        """
        with self._turn:
            waiting = sum(not task.ended for task in self._tasks.values())
            if waiting > WAITING_MOST:
                raise UsageError(
                    expected=f"at most {WAITING_MOST} tasks that wait",
                    got=f"{waiting}",
                    fix="wait, or cancel some",
                )
            task = Task(kind, title, work)
            self._tasks[task.key] = task
            for old in [one for one in self._tasks.values() if one.ended][:-REMEMBERED]:
                del self._tasks[old.key]
        self._queue.put(task)
        return task

    def find(self, key: str) -> Task | None:
        """Return a task, or None where none is of that name any more."""
        return self._tasks.get(key)

    @property
    def current(self) -> Task | None:
        """The task that is being done, or will be next."""
        with self._turn:
            return next((task for task in self._tasks.values() if not task.ended), None)

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            task.run()

    def __enter__(self) -> Runner:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel everything and wait."""
        with self._turn:
            left = list(self._tasks.values())
        for task in left:
            task.cancel()
        self._queue.put(None)
        self._thread.join()
