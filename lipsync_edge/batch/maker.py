"""Makes jobs in one process: engines are loaded once, tracks and own mouths come from the cache of faces."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lipsync_edge.batch.identity import job_digest
from lipsync_edge.batch.job import BatchJob, Parse, is_url
from lipsync_edge.batch.steps import remove_parts, take_step
from lipsync_edge.batch.storage import Storage
from lipsync_edge.digests import file_digest
from lipsync_edge.engine import Engine, load_engine
from lipsync_edge.errors import InputError, LipsyncError, OutputError, UsageError
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.pipeline.face_cache import FaceCache

ENGINES = 2  # that one worker keeps loaded
TELL_S = 0.25  # between two reports of progress
_LEAST_ROOM = 4 << 20  # bytes: a disk with less is full
LoadEngine = Callable[[EngineOptions], Engine]


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerSetup:
    """What a process must know to make jobs; it can be sent to others.

    Attributes:
        scratch: folder of what is being made, of this process alone.
        storage: where inputs come from and results go.
        parse: reads a job's options.
        cache: folder of the cache of faces, or None.
        threads: of one network call where a job does not say; None leaves it to the runtime.
        load: opens engines.
    """

    scratch: Path
    storage: Storage
    parse: Parse
    cache: Path | None = None
    threads: int | None = None
    load: LoadEngine = load_engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A result that lies in its place.

    Attributes:
        frames: of it.
        seconds: that it took.
        digest: of the job, see `lipsync_edge.batch.identity`.
        sha256: of the file.
        stored: what the storage says of it.
        parts: into which a plan divided the job; 0 of everything else.
    """

    frames: int
    seconds: float
    digest: str
    sha256: str
    stored: str = ""
    parts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a job was not made.

    Attributes:
        exit_code: what `run` would have ended with.
        error: one line.
        again: whether another attempt may go better.
        full: whether the disk is full, so that every other job would fail, too.
    """

    exit_code: int
    error: str
    again: bool = True
    full: bool = False


class Maker:
    """Makes one job after another; see `MakerSetup`."""

    def __init__(self, setup: MakerSetup) -> None:
        self._setup = setup
        self._engines: dict[EngineOptions, Engine] = {}
        self._cache = None if setup.cache is None else FaceCache(setup.cache)
        setup.scratch.mkdir(parents=True, exist_ok=True)

    def attempt(self, job: BatchJob, tell: Callable[[int], None]) -> Made | Trouble:
        """Make a job; `tell` is called with the frames done, now and then."""
        try:
            return self.make(job, tell)
        except (InputError, UsageError) as error:
            return Trouble(exit_code=error.exit_code, error=str(error), again=is_url(job.face + job.audio))
        except LipsyncError as error:
            full = isinstance(error, OutputError) and self._disk_is_full(str(error))
            return Trouble(exit_code=error.exit_code, error=str(error), again=not full, full=full)
        except OSError as error:
            full = error.errno == errno.ENOSPC
            return Trouble(exit_code=OutputError.exit_code, error=str(error), again=not full, full=full)
        except Exception as error:  # a mistake of ours or of a library costs one job
            return Trouble(exit_code=1, error=" ".join(f"{type(error).__name__}: {error}".split()))

    def make(self, job: BatchJob, tell: Callable[[int], None]) -> Made:
        """Make a job and put its result in its place.

        Raises:
            LipsyncError: as `Engine.run` does.
        """
        began = time.perf_counter()
        setup = self._setup
        digest = job_digest(job, setup.parse(job.options), setup.storage.content)
        inputs = setup.scratch / "in"
        made = setup.scratch / Path(job.out).name
        try:
            here = job.with_files(lambda name: str(setup.storage.fetch(name, inputs)))
            wishes = setup.parse(here.options)
            engine = self._engine(wishes.engine)
            run = engine.job(here.face, here.audio, made, options=wishes.options, cache=self._cache)
            done = take_step(engine, run, job, setup.storage, setup.scratch, paced(tell))
            sha256 = file_digest(made) if done.ends else ""
            stored = setup.storage.publish(made, job.out) if done.ends else ""
            if done.ends and job.step is not None:
                remove_parts(job, setup.storage)
        finally:
            made.unlink(missing_ok=True)
            shutil.rmtree(inputs, ignore_errors=True)
        if (
            done.mark_failure
        ):  # the result is in its place; who relies on its marks must not miss that they are not
            raise OutputError(expected=f"{job.out} marked as AI", got=done.mark_failure)
        return Made(
            frames=done.frames,
            seconds=round(time.perf_counter() - began, 3),
            digest=digest,
            sha256=sha256,
            stored=stored,
            parts=done.parts,
        )

    def _engine(self, options: EngineOptions) -> Engine:
        """Return the engine of options, loaded when it was not; the one that was not asked for longest goes."""
        engine = self._engines.pop(options, None)
        if engine is None:
            while len(self._engines) >= ENGINES:
                self._engines.pop(next(iter(self._engines)))
            threads = self._setup.threads if options.threads is None else options.threads
            engine = self._setup.load(replace(options, threads=threads))
        self._engines[options] = engine
        return engine

    def _disk_is_full(self, said: str) -> bool:
        try:
            room = shutil.disk_usage(self._setup.scratch).free
        except OSError:
            return False
        return room < _LEAST_ROOM or os.strerror(errno.ENOSPC) in said


def paced(tell: Callable[[int], None]) -> Callable[[int, int | None], None]:
    """Return a progress function that tells of the frames done at most every `TELL_S`."""
    told = 0.0

    def progress(done: int, total: int | None) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= TELL_S:
            told = now
            tell(done)

    return progress
