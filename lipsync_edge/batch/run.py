"""A whole batch: checks before work begins, what is already there, workers, results."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from lipsync_edge.batch.driver import DriverOptions, State, drive
from lipsync_edge.batch.identity import job_digest, models_of
from lipsync_edge.batch.job import PLAN, BatchJob, Parse, Step
from lipsync_edge.batch.local_pool import LocalPool
from lipsync_edge.batch.maker import LoadEngine, MakerSetup
from lipsync_edge.batch.pool import Pool
from lipsync_edge.batch.results import DONE, Outcome, ResultsFile, read_results
from lipsync_edge.batch.storage import WORK_FOLDER, LocalStorage, Storage
from lipsync_edge.batch.worker_count import WorkerCount, count_workers, threads_of
from lipsync_edge.engine import load_engine
from lipsync_edge.errors import InputError, OutputError, UsageError, told_by_system
from lipsync_edge.file_lock import locked
from lipsync_edge.machine import this_machine

RESULTS = "results.jsonl"
LEAST_SPLIT_S = 1.0
_LEAST_ROOM = 64 << 20  # bytes that must be free before work begins


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """How a batch is made.

    Attributes:
        out: the output folder.
        workers: processes; None: what was measured to be fastest.
        results: the results file; None: results.jsonl in the output folder.
        split: seconds: longer results are made in parts of about this length, by several workers; None: at once.
        cache: folder of the cache of faces; None: one that goes when all jobs were made.
        driver: how failures are met.
        load: opens engines; a function of a module.
    """

    out: Path
    workers: int | None = None
    split: float | None = None
    results: Path | None = None
    cache: Path | None = None
    driver: DriverOptions = field(default_factory=DriverOptions)
    load: LoadEngine = load_engine

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.workers is not None and not 1 <= self.workers <= 1024:
            raise UsageError(expected="from 1 to 1024 workers", got=str(self.workers))
        if self.driver.retries < 0:
            raise UsageError(expected="a number of retries from 0", got=str(self.driver.retries))
        if self.split is not None and not self.split >= LEAST_SPLIT_S:
            raise UsageError(expected=f"parts of at least {LEAST_SPLIT_S:g} seconds", got=str(self.split))

    @property
    def work(self) -> Path:
        """Folder of what is being made."""
        return self.out / WORK_FOLDER

    @property
    def results_file(self) -> Path:
        """The results file."""
        return self.results or self.out / RESULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """How a batch ended.

    Attributes:
        jobs: of the manifest.
        already: of them, those that a run before had made.
        made: those that this run made.
        failures: those that failed.
        not_begun: those that were left, and why.
        stopped: why; empty where none were left.
        frames: made by this run.
        seconds: that it took.
        workers: how many, and why.
    """

    jobs: int
    already: int
    made: int
    failures: tuple[Outcome, ...]
    not_begun: int
    stopped: str
    frames: int
    seconds: float
    workers: WorkerCount


OpenPool = Callable[[MakerSetup, Sequence[BatchJob]], tuple[Pool, WorkerCount]]


def run_batch(
    jobs: Sequence[BatchJob],
    parse: Parse,
    options: BatchOptions,
    *,
    storage: Storage | None = None,
    watch: Callable[[State], None] = lambda state: None,
    tell: Callable[[str], None] = lambda text: None,
) -> BatchReport:
    """Make the jobs that are not there yet, in processes of this machine.

    Args:
        jobs: what `JobChecker` gave.
        parse: reads their options.
        options: how.
        storage: where inputs come from and results go; None: files, and `options.out`.
        watch: called whenever something went on.
        tell: called with a line about what takes a while.

    Raises:
        ModelError: networks that the jobs need are not there.
        OutputError: the output folder cannot be used, or another batch is at it.
    """

    def open_pool(setup: MakerSetup, waiting: Sequence[BatchJob]) -> tuple[Pool, WorkerCount]:
        if options.workers is None:
            count = count_workers(waiting, setup, tell)
        else:
            most = options.workers if options.split else len(waiting)
            count = WorkerCount(min(options.workers, most), "as asked")
        threads = threads_of(count.workers, this_machine().cores)
        return LocalPool(count.workers, replace(setup, threads=threads)), count

    check_folder(options.out, jobs)
    return make_all(jobs, parse, options, storage or LocalStorage(options.out), open_pool, watch)


def make_all(
    jobs: Sequence[BatchJob],
    parse: Parse,
    options: BatchOptions,
    storage: Storage,
    open_pool: OpenPool,
    watch: Callable[[State], None],
) -> BatchReport:
    """Make the jobs that are not there yet with whatever workers `open_pool` gives; see `run_batch`."""
    began = time.perf_counter()
    for engine in {parse(job.options).engine for job in jobs}:
        models_of(engine)
    with _alone(options), ResultsFile(options.results_file) as results:
        waiting = unmade(jobs, parse, storage, read_results(options.results_file))
        setup = MakerSetup(
            scratch=options.work / "scratch",
            storage=storage,
            parse=parse,
            cache=options.cache or options.work / "cache",
            load=options.load,
        )
        state, count = State(0), WorkerCount(0, "nothing was left to make")
        if waiting:
            if options.split is not None:
                waiting = [replace(job, step=Step(PLAN, options.split)) for job in waiting]
            pool, count = open_pool(setup, waiting)
            with pool:
                state = drive(waiting, pool, results, options.driver, watch)
        failed = tuple(sorted((one for one in state.outcomes if one.state != DONE), key=lambda one: one.row))
        report = BatchReport(
            jobs=len(jobs),
            already=len(jobs) - len(waiting),
            made=state.made,
            failures=failed,
            not_begun=len(waiting) - len(state.outcomes),
            stopped=state.stopped,
            frames=state.frames,
            seconds=round(time.perf_counter() - began, 3),
            workers=count,
        )
    if report.already + report.made == report.jobs:
        shutil.rmtree(options.work, ignore_errors=True)
    return report


def check_folder(out: Path, jobs: Sequence[BatchJob]) -> None:
    """Make the output folder; refuse one that cannot be written to, has no room, or whose results are inputs.

    Raises:
        OutputError, UsageError: what was found.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        room = shutil.disk_usage(out).free
    except OSError as error:
        raise OutputError(expected=f"an output folder at {out}", got=told_by_system(error).got) from error
    if not os.access(out, os.W_OK):
        raise OutputError(expected=f"a folder that can be written to at {out}", got="no permission")
    if room < _LEAST_ROOM:
        raise OutputError(
            expected=f"room for the results in {out}",
            got=f"{room >> 20} MB free",
            fix="make some, or choose another",
        )
    inputs = {name for job in jobs for name in job.files}
    for job in jobs:
        if (out / job.out).is_dir():
            raise OutputError(
                expected=f"a file name for the output of row {job.row}", got=f"the folder {job.out}"
            )
        if str((out / job.out).resolve()) in inputs:
            raise UsageError(
                expected=f"an output that is none of the inputs in row {job.row}",
                got=job.out,
                fix="choose another name",
            )


def unmade(
    jobs: Sequence[BatchJob], parse: Parse, storage: Storage, known: dict[str, Outcome]
) -> list[BatchJob]:
    """Return the jobs whose results are not there, or not of the same inputs, options and models."""

    def is_made(job: BatchJob) -> bool:
        outcome = known.get(job.out)
        if outcome is None or outcome.state != DONE or not outcome.stored:
            return False
        try:
            same = job_digest(job, parse(job.options), storage.content) == outcome.digest
        except InputError:
            return False
        return same and storage.stored(job.out) == outcome.stored

    return [job for job in jobs if not is_made(job)]


@contextmanager
def _alone(options: BatchOptions) -> Iterator[None]:
    """Be the only batch at an output folder; what a killed one left half made is removed."""
    options.work.mkdir(parents=True, exist_ok=True)
    with locked(options.work / "lock", wait=False) as held:
        if not held:
            raise OutputError(
                expected=f"an output folder of its own at {options.out}", got="another batch that is at it"
            )
        shutil.rmtree(options.work / "scratch", ignore_errors=True)
        yield
