"""Worker processes of this machine; one that dies costs its job and is replaced."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType

from lipsync_edge.batch.job import BatchJob
from lipsync_edge.batch.maker import Made, MakerSetup, Trouble
from lipsync_edge.batch.pool import Event
from lipsync_edge.batch.worker import STOP, work

_PATIENCE_S = 10.0  # for a worker to tidy up


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    setup: MakerSetup
    job: BatchJob | None = None


class LocalPool:
    """Worker processes; see `lipsync_edge.batch.pool.Pool`.

    Args:
        workers: how many.
        setup: of all of them; each works in a folder of its own in `setup.scratch`.
    """

    def __init__(self, workers: int, setup: MakerSetup) -> None:
        self._setups = [replace(setup, scratch=setup.scratch / str(number)) for number in range(workers)]
        self._workers: list[_Worker] = []

    @property
    def workers(self) -> int:
        """How many there are."""
        return len(self._setups)

    @property
    def idle(self) -> int:
        """How many wait for a job."""
        return sum(worker.job is None for worker in self._workers)

    def give(self, job: BatchJob) -> None:
        """Give a job to a worker that waits."""
        worker = next(one for one in self._workers if one.job is None)
        worker.job = job
        with suppress(OSError):  # it died meanwhile: `wait` finds out
            worker.pipe.send(job)

    def wait(self, timeout_s: float) -> list[Event]:
        """Return what the workers told; a dead one told that its job failed."""
        busy = [worker for worker in self._workers if worker.job is not None]
        if not busy:
            time.sleep(timeout_s)
            return []
        ready = wait([one for worker in busy for one in (worker.pipe, worker.process.sentinel)], timeout_s)
        events = []
        for worker in busy:
            if worker.pipe in ready or worker.process.sentinel in ready:
                events += self._heard(worker)
        return events

    def _heard(self, worker: _Worker) -> list[Event]:
        events = []
        job = worker.job
        assert job is not None, "an idle worker told something"
        try:
            while worker.job is not None and worker.pipe.poll():
                told: int | Made | Trouble = worker.pipe.recv()
                if not isinstance(told, int):
                    worker.job = None
                events.append(Event(job, told))
        except (EOFError, OSError):
            worker.process.join(_PATIENCE_S)
        if worker.job is not None and not worker.process.is_alive():
            events.append(Event(job, _death(worker.process.exitcode)))
            self._bury(worker)
            self._workers[self._workers.index(worker)] = _started(worker.setup)
        return events

    def __enter__(self) -> LocalPool:
        """Start the workers."""
        try:
            self._workers += [_started(setup) for setup in self._setups]
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End the workers and remove what they left."""
        self._end()

    def _end(self) -> None:
        for worker in self._workers:
            if worker.job is None:
                with suppress(OSError):
                    worker.pipe.send(STOP)
            else:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_PATIENCE_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            self._bury(worker)
        self._workers = []

    def _bury(self, worker: _Worker) -> None:
        worker.pipe.close()
        shutil.rmtree(worker.setup.scratch, ignore_errors=True)


def _started(setup: MakerSetup) -> _Worker:
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks as they are
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, setup), name="lipsync-worker", daemon=True)
    with _without_interrupts():
        process.start()
    theirs.close()
    return _Worker(process, ours, setup)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back; a process that is started meanwhile never hears of it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _death(exit_code: int | None) -> Trouble:
    if exit_code is not None and exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = str(-exit_code)
        why = "; the machine may have run out of memory" if name == "SIGKILL" else ""
        return Trouble(exit_code=128 - exit_code, error=f"the worker was ended by {name}{why}")
    return Trouble(exit_code=exit_code or 1, error=f"the worker ended with code {exit_code}")
