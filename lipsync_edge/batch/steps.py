"""The steps of a job in a worker: all of it at once, or planning, making and joining parts that lie in the storage."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lipsync_edge.batch.job import JOIN, MAKE, PLAN, BatchJob
from lipsync_edge.batch.storage import WORK_FOLDER, Storage
from lipsync_edge.digests import digest_of
from lipsync_edge.engine import Engine
from lipsync_edge.pipeline.job import Job
from lipsync_edge.pipeline.parts import from_bytes, join_parts, make_part, plan_parts, to_bytes

WORTH = 1.5  # times a part's length: what is shorter is made at once
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class StepDone:
    """What a step did.

    Attributes:
        frames: that were made.
        ends: whether the job's result is there.
        parts: into which the job was divided.
        mark_failure: why the result could not be marked; empty where it was, or needed not.
    """

    frames: int
    ends: bool
    parts: int = 0
    mark_failure: str = ""


def take_step(
    engine: Engine, run: Job, job: BatchJob, storage: Storage, scratch: Path, progress: Progress
) -> StepDone:
    """Do what a job says is to be done; its result is left at `run.out` when that is the whole.

    Args:
        engine: makes the frames.
        run: the job's run, checked.
        job: says what is to be done.
        storage: keeps the parts.
        scratch: folder of this process.
        progress: called with the frames done and their total.
    """
    step = job.step
    if step is None or (step.kind == PLAN and not _is_worth(run, step.seconds)):
        result = engine.make(run, progress=progress)
        return StepDone(result.frames, ends=True, mark_failure=result.mark.failure)
    folder, inside = scratch / "parts", folder_of(job)
    folder.mkdir(exist_ok=True)
    if step.kind == PLAN:

        def keep(number: int, data: bytes) -> None:
            _publish(data, folder, f"{inside}/{number}.plan", storage)

        plan = plan_parts(run, step.seconds, keep, looks=engine.identifier)
        _publish(to_bytes(plan), folder, f"{inside}/all.plan", storage)
        return StepDone(0, ends=False, parts=len(plan))
    if step.kind == MAKE:
        planned = storage.fetch_stored(f"{inside}/{step.number}.plan", folder).read_bytes()
        made = folder / f"{step.number}.mp4"
        part = make_part(run, planned, made, progress)
        storage.publish(made, f"{inside}/{step.number}.mp4")
        made.unlink(missing_ok=True)
        _publish(pickle.dumps(part), folder, f"{inside}/{step.number}.made", storage)
        return StepDone(part.frames, ends=False)
    assert step.kind == JOIN, step.kind
    plan = from_bytes(storage.fetch_stored(f"{inside}/all.plan", folder).read_bytes())
    parts = [storage.fetch_stored(f"{inside}/{number}.mp4", folder) for number in range(len(plan))]
    said = [storage.fetch_stored(f"{inside}/{number}.made", folder) for number in range(len(plan))]
    result = join_parts(run, plan, parts, [pickle.loads(one.read_bytes()) for one in said], engine.identifier)
    return StepDone(result.frames, ends=True, mark_failure=result.mark.failure)


def remove_parts(job: BatchJob, storage: Storage) -> None:
    """Remove what lies in the storage of a job that was made in parts."""
    assert job.step is not None, "a job without parts"
    inside = folder_of(job)
    for number in range(job.step.count):
        for kind in ("plan", "mp4", "made"):
            storage.remove(f"{inside}/{number}.{kind}")
    storage.remove(f"{inside}/all.plan")


def folder_of(job: BatchJob) -> str:
    """Return where in the storage a job's parts lie."""
    return f"{WORK_FOLDER}/parts/{digest_of(job.out)[:16]}"


def _is_worth(run: Job, seconds: float) -> bool:
    return run.total is None or run.total / run.video.fps > WORTH * seconds


def _publish(data: bytes, folder: Path, out: str, storage: Storage) -> None:
    place = folder / Path(out).name
    place.write_bytes(data)
    storage.publish(place, out)
    place.unlink(missing_ok=True)
