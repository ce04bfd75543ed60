"""Drives a batch: hands jobs to workers, tries again, writes every outcome down."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from lipsync_edge.batch.job import JOIN, MAKE, PLAN, BatchJob
from lipsync_edge.batch.maker import Made, Trouble
from lipsync_edge.batch.pool import Pool
from lipsync_edge.batch.results import DONE, FAILED, Outcome, ResultsFile

_WAIT_S = 0.5
_FIRST_AGAIN_S, _LONGEST_AGAIN_S = 0.5, 30.0  # before a job is tried once more


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverOptions:
    """How failures are met.

    Attributes:
        retries: how often a job that may go better is tried again.
        fail_fast: whether the first failure ends the batch.
    """

    retries: int = 1
    fail_fast: bool = False


@dataclass(slots=True)
class State:
    """How far a batch is.

    Attributes:
        total: jobs that were to be made.
        outcomes: how those that ended did.
        frames: made so far, those of running and of failed attempts included.
        stopped: why no more were begun; empty where nothing was the matter.
    """

    total: int
    outcomes: list[Outcome] = field(default_factory=list)
    frames: int = 0
    stopped: str = ""

    @property
    def made(self) -> int:
        """Jobs that were made."""
        return sum(one.state == DONE for one in self.outcomes)

    @property
    def failed(self) -> int:
        """Jobs that failed."""
        return sum(one.state == FAILED for one in self.outcomes)


class JobQueue:
    """Jobs in their order, but so that a face that is new to the cache is looked at by one worker, not by all of them.

    While the first job of a face is being made, jobs of other faces go first; where there are none, the next of the
    same face goes all the same.
    """

    def __init__(self, jobs: Iterable[BatchJob]) -> None:
        self._waiting: deque[tuple[BatchJob, int]] = deque((job, 1) for job in jobs)
        self._later: list[tuple[float, BatchJob, int]] = []
        self._running: Counter[str] = Counter()
        self._known: set[str] = set()

    def __bool__(self) -> bool:
        """Whether any are left."""
        return bool(self._waiting or self._later)

    def take(self) -> tuple[BatchJob, int] | None:
        """Return the next job and which attempt at it this is; None when none is due."""
        now = time.monotonic()
        due = [one for one in self._later if one[0] <= now]
        self._later = [one for one in self._later if one[0] > now]
        self._waiting.extend((job, attempt) for _, job, attempt in due)
        if not self._waiting:
            return None
        place = next((at for at, (job, _) in enumerate(self._waiting) if not self._is_new(job.face)), 0)
        job, attempt = self._waiting[place]
        del self._waiting[place]
        self._running[job.face] += 1
        return job, attempt

    def _is_new(self, face: str) -> bool:
        return face not in self._known and self._running[face] > 0

    def ended(self, job: BatchJob) -> None:
        """Say that a job that was taken is no longer being made."""
        self._running[job.face] -= 1
        self._known.add(job.face)

    def first(self, jobs: Sequence[BatchJob]) -> None:
        """Put jobs in front of the others."""
        self._waiting.extendleft((job, 1) for job in reversed(jobs))

    def drop(self, out: str) -> None:
        """Forget every step of a job."""
        self._waiting = deque(one for one in self._waiting if one[0].out != out)
        self._later = [one for one in self._later if one[1].out != out]

    def again(self, job: BatchJob, attempt: int) -> None:
        """Put a job back, for a while after this attempt at it failed."""
        pause = min(_FIRST_AGAIN_S * 2 ** (attempt - 1), _LONGEST_AGAIN_S)
        self._later.append((time.monotonic() + pause, job, attempt + 1))


class Parts:
    """Which steps of jobs in parts follow when one is done."""

    def __init__(self) -> None:
        self._left: Counter[str] = Counter()

    def after(self, job: BatchJob, made: Made) -> list[BatchJob] | None:
        """Return the steps that a step makes possible; None when the job is done."""
        step = job.step
        if step is None or step.kind == JOIN or (step.kind == PLAN and not made.parts):
            return None
        if step.kind == PLAN:
            self._left[job.out] = made.parts
            return [
                replace(job, step=replace(step, kind=MAKE, number=number, count=made.parts))
                for number in range(made.parts)
            ]
        self._left[job.out] -= 1
        return [] if self._left[job.out] else [replace(job, step=replace(step, kind=JOIN, number=0))]


def drive(
    jobs: list[BatchJob],
    pool: Pool,
    results: ResultsFile,
    options: DriverOptions,
    watch: Callable[[State], None] = lambda state: None,
) -> State:
    """Make jobs in a pool that was started.

    Args:
        jobs: what to make.
        pool: who makes it.
        results: where every outcome is written down.
        options: how failures are met.
        watch: called whenever something went on.

    Raises:
        OutputError: the results cannot be written.
    """
    state, queue, parts = State(len(jobs)), JobQueue(jobs), Parts()
    running: dict[str, tuple[int, int]] = {}  # key of a job or step → attempt, frames that were counted of it
    failed: set[str] = set()
    while (queue and not state.stopped) or running:
        while pool.idle and not state.stopped and (taken := queue.take()) is not None:
            job, attempt = taken
            running[job.key] = (attempt, 0)
            pool.give(job)
        for event in pool.wait(_WAIT_S if running else _FIRST_AGAIN_S / 4):
            attempt, counted = running[event.job.key]
            if isinstance(event.told, int):
                state.frames += event.told - counted
                running[event.job.key] = (attempt, event.told)
                continue
            del running[event.job.key]
            queue.ended(event.job)
            if event.job.out in failed:  # another part of it
                continue
            if isinstance(event.told, Made):
                joined = event.job.step is not None and event.job.step.kind == JOIN  # its frames were counted
                state.frames += 0 if joined else event.told.frames - counted
                following = parts.after(event.job, event.told)
                if following is not None:
                    queue.first(following)
                    continue
            elif event.told.again and attempt <= options.retries and not state.stopped:
                queue.again(event.job, attempt)
                continue
            else:
                failed.add(event.job.out)
                queue.drop(event.job.out)
            outcome = _outcome(event.job, event.told, attempt)
            results.add(outcome)
            state.outcomes.append(outcome)
            state.stopped = state.stopped or _reason_to_stop(event.told, options)
            if state.stopped and options.fail_fast:
                watch(state)
                return state
        watch(state)
    return state


def _reason_to_stop(told: Made | Trouble, options: DriverOptions) -> str:
    if isinstance(told, Made):
        return ""
    if told.full:
        return "the disk is full"
    return "a job failed, and --fail-fast was given" if options.fail_fast else ""


def _outcome(job: BatchJob, told: Made | Trouble, attempts: int) -> Outcome:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    outcome = Outcome(job=job.out, row=job.row, state=DONE, attempts=attempts, ended=now)
    if isinstance(told, Trouble):
        return replace(outcome, state=FAILED, exit_code=told.exit_code, error=told.error)
    return replace(
        outcome,
        seconds=told.seconds,
        frames=told.frames,
        digest=told.digest,
        sha256=told.sha256,
        stored=told.stored,
    )
