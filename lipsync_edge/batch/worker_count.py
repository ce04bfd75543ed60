"""How many workers give the most frames a second on this machine: measured once, on the batch's own first job.

Every candidate makes the first seconds of that job as often as it has workers, all at once, after a short run that
loads engines and fills the cache of faces. What was found is kept beside what `lipsync-edge bench` found, by machine,
preset, device and picture size.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lipsync_edge.atomic_write import replacing
from lipsync_edge.batch.job import BatchJob, Option, Wishes
from lipsync_edge.batch.local_pool import LocalPool
from lipsync_edge.batch.maker import Made, MakerSetup
from lipsync_edge.errors import LipsyncError
from lipsync_edge.json_reader import parse_json
from lipsync_edge.machine import this_machine
from lipsync_edge.models.autotune import cache_file
from lipsync_edge.video.probe import probe

MEASURED_S, WARM_S = 2.0, 0.4  # seconds of the result
MORE = 1.05  # times the frames a second that further workers must give
MB_A_WORKER = 700
LEAST_JOBS = 4  # fewer are not worth measuring
_MOST_S = 300.0  # that one measurement may take


@dataclass(frozen=True, slots=True)
class WorkerCount:
    """How many workers, and why, for people."""

    workers: int
    why: str


def threads_of(workers: int, cores: int) -> int | None:
    """Return threads of one network call for each of so many workers; None leaves it to the runtime."""
    return None if workers == 1 else max(1, cores // workers)


def candidates(cores: int, memory_mb: int | None) -> list[int]:
    """Return the numbers of workers to try: doubling up to the cores, as far as memory goes."""
    most = max(1, min(cores, (memory_mb or 1 << 30) // MB_A_WORKER))
    tried = [1]
    while tried[-1] * 2 <= most:
        tried.append(tried[-1] * 2)
    return tried if tried[-1] == most else [*tried, most]


def count_workers(
    jobs: Sequence[BatchJob], setup: MakerSetup, tell: Callable[[str], None] = lambda text: None
) -> WorkerCount:
    """Return how many workers these jobs should have.

    Args:
        jobs: what is to be made.
        setup: of the workers.
        tell: called before something is measured, which takes some seconds.
    """
    machine = this_machine()
    tried = candidates(machine.cores, machine.memory_mb)
    if len(jobs) < LEAST_JOBS or len(tried) == 1:
        return WorkerCount(min(len(jobs), tried[-1]), "so few jobs" if len(jobs) < LEAST_JOBS else "one core")
    wishes = setup.parse(jobs[0].options)
    name = f"{machine.key} {_kind(jobs[0], wishes, setup)}"
    known = _read().get(name)
    if isinstance(known, int) and 1 <= known <= machine.cores:
        return WorkerCount(known, "measured before")
    tell(f"measuring how many workers are fastest: {', '.join(map(str, tried))}")
    found = dict(_measured(jobs[0], wishes, setup, tried, machine.cores))
    if not found:
        return WorkerCount(1, "the first job cannot be measured")
    best = min(count for count, fps in found.items() if fps * MORE >= max(found.values()))
    _keep(name, best)
    said = ", ".join(f"{count}: {fps:.0f} fps" for count, fps in found.items())
    return WorkerCount(best, f"measured: {said}")


def _measured(
    job: BatchJob, wishes: Wishes, setup: MakerSetup, tried: Sequence[int], cores: int
) -> Iterator[tuple[int, float]]:
    """Give numbers of workers and their frames a second, until more workers no longer help."""
    best = 0.0
    start = wishes.options.start
    for count in tried:
        here = replace(setup, threads=threads_of(count, cores), storage=_Nowhere(setup))
        with LocalPool(count, here) as pool:
            if _made(pool, [_part(job, start, WARM_S, number) for number in range(count)]) is None:
                return
            began = time.perf_counter()
            frames = _made(pool, [_part(job, start, MEASURED_S, number) for number in range(count)])
            if frames is None:
                return
        fps = frames / (time.perf_counter() - began)
        yield count, fps
        if fps < best * MORE:
            return
        best = fps


class _Nowhere:
    """The batch's storage, but what is made is thrown away."""

    def __init__(self, setup: MakerSetup) -> None:
        self._storage = setup.storage

    def fetch(self, name: str, into: Path) -> Path:
        return self._storage.fetch(name, into)

    def content(self, name: str) -> str:
        return self._storage.content(name)

    def publish(self, made: Path, out: str) -> str:
        made.unlink()
        return ""

    def stored(self, out: str) -> str | None:
        return None

    def fetch_stored(self, out: str, into: Path) -> Path:
        raise AssertionError("nothing is stored")

    def remove(self, out: str) -> None:
        pass


def _part(job: BatchJob, start: float, seconds: float, number: int) -> BatchJob:
    """Return the first seconds of a job, as one of several."""
    options = tuple(one for one in job.options if one.name != "end")
    return replace(job, out=f"{number}/{job.out}", options=(*options, Option("end", f"{start + seconds:g}")))


def _made(pool: LocalPool, parts: Sequence[BatchJob]) -> int | None:
    """Make all parts at once; return their frames, None when one fails or it takes too long."""
    for part in parts:
        pool.give(part)
    frames, left, until = 0, len(parts), time.monotonic() + _MOST_S
    while left:
        for event in pool.wait(1.0):
            if isinstance(event.told, int):
                continue
            if not isinstance(event.told, Made):
                return None
            frames += event.told.frames
            left -= 1
        if time.monotonic() > until:
            return None
    return frames


def _kind(job: BatchJob, wishes: Wishes, setup: MakerSetup) -> str:
    """Return what decides the answer beside the machine."""
    try:
        info = probe(setup.storage.fetch(job.face, setup.scratch / "in"))
        size = f"{info.width}x{info.height}"
    except LipsyncError:
        size = "unknown"
    engine = wishes.engine
    preset = engine.preset if isinstance(engine.preset, str) else engine.preset.name
    return f"{preset} {engine.device} {engine.precision} {engine.threads} {wishes.options.codec} {size}"


def _place() -> Path | None:
    bench = cache_file()
    return None if bench is None else bench.with_name("workers.json")


def _read() -> dict[str, Any]:
    place = _place()
    try:
        table = {} if place is None else parse_json(place.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _keep(name: str, workers: int) -> None:
    place = _place()
    if place is None:
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as beside:
            beside.write_text(json.dumps({**_read(), name: workers}, indent=1) + "\n", "utf-8")
    except OSError:  # it is measured again then
        return
