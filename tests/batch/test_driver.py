"""The driver on a pool that is told what happens: retries, order, failures, results that outlive it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lipsync_edge.batch.driver import DriverOptions, JobQueue, State, drive
from lipsync_edge.batch.job import BatchJob
from lipsync_edge.batch.maker import Made, Trouble
from lipsync_edge.batch.pool import Event
from lipsync_edge.batch.results import Outcome, ResultsFile, read_results
from lipsync_edge.errors import OutputError

Ends = Callable[[BatchJob, int], Made | Trouble]


def made(job: BatchJob, attempt: int) -> Made:
    return Made(frames=10, seconds=1.0, digest=f"d{job.out}", sha256=f"s{job.out}", stored="x")


class ScriptedPool:
    """Jobs end as told, the latest first; frames are told on the way."""

    def __init__(self, ends: Ends, workers: int = 2) -> None:
        self.workers = workers
        self.given: list[str] = []
        self._ends = ends
        self._running: list[BatchJob] = []

    @property
    def idle(self) -> int:
        return self.workers - len(self._running)

    def give(self, job: BatchJob) -> None:
        self.given.append(job.out)
        self._running.append(job)

    def wait(self, timeout_s: float) -> list[Event]:
        if not self._running:
            return []
        job = self._running.pop()
        return [Event(job, 4), Event(job, self._ends(job, self.given.count(job.out)))]


def job(name: str, face: str = "f", row: int = 1) -> BatchJob:
    return BatchJob(out=name, row=row, face=face, audio="a")


def driven(tmp_path: Path, jobs: list[BatchJob], ends: Ends, **options: object) -> tuple[State, ScriptedPool]:
    pool = ScriptedPool(ends)
    with ResultsFile(tmp_path / "r.jsonl") as results:
        return drive(jobs, pool, results, DriverOptions(**options)), pool  # type: ignore[arg-type]


def test_every_job_is_made_once_and_written_down(tmp_path: Path) -> None:
    state, pool = driven(tmp_path, [job(f"{i}.mp4", f"f{i}", i) for i in range(5)], made)
    assert sorted(pool.given) == [f"{i}.mp4" for i in range(5)]
    assert (state.made, state.failed, state.frames) == (5, 0, 50)
    found = read_results(tmp_path / "r.jsonl")
    assert {name: (one.state, one.digest, one.frames) for name, one in found.items()} == {
        f"{i}.mp4": ("done", f"d{i}.mp4", 10) for i in range(5)
    }


def test_what_may_go_better_is_tried_again_and_the_rest_is_not(tmp_path: Path) -> None:
    def ends(one: BatchJob, attempt: int) -> Made | Trouble:
        if one.out == "bad":
            return Trouble(exit_code=3, error="no sound", again=False)
        if one.out == "never":
            return Trouble(exit_code=137, error="died")
        return made(one, attempt) if attempt == 3 else Trouble(exit_code=5, error="busy")

    jobs = [job("bad"), job("never"), job("third")]
    state, pool = driven(tmp_path, jobs, ends, retries=2)
    assert {name: pool.given.count(name) for name in pool.given} == {"bad": 1, "never": 3, "third": 3}
    assert (state.made, state.failed, state.frames) == (1, 2, 10 + 4 * 6)
    found = read_results(tmp_path / "r.jsonl")
    assert (found["never"].exit_code, found["never"].attempts, found["never"].error) == (137, 3, "died")
    assert found["third"].attempts == 3


def test_fail_fast_begins_no_more(tmp_path: Path) -> None:
    jobs = [job(f"{i}", row=i) for i in range(9)]
    state, pool = driven(
        tmp_path, jobs, lambda one, attempt: Trouble(exit_code=3, error="x", again=False), fail_fast=True
    )
    assert len(pool.given) == 2
    assert (len(state.outcomes), state.failed) == (1, 1)
    assert "--fail-fast" in state.stopped


def test_a_full_disk_begins_no_more_but_waits_for_what_runs(tmp_path: Path) -> None:
    jobs = [job(f"{i}", row=i) for i in range(9)]

    def ends(one: BatchJob, attempt: int) -> Made | Trouble:
        return (
            Trouble(exit_code=5, error="no space", again=False, full=True) if one.out == "1" else made(one, 1)
        )

    state, pool = driven(tmp_path, jobs, ends)
    assert state.stopped == "the disk is full"
    assert (len(pool.given), len(state.outcomes)) == (2, 2)


def test_a_new_face_is_looked_at_by_one_worker_where_there_is_other_work() -> None:
    queue = JobQueue([job("a1", "a"), job("a2", "a"), job("b1", "b"), job("a3", "a")])
    taken = [queue.take() for _ in range(3)]
    assert [one and one[0].out for one in taken] == ["a1", "b1", "a2"]  # nothing else was left for the third
    queue.ended(job("a1", "a"))
    assert (queue.take() or (None,))[0] == job("a3", "a")
    assert queue.take() is None
    assert not queue


def test_half_a_line_of_a_killed_run_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with ResultsFile(path) as results:
        results.add(Outcome(job="a", row=1, state="failed", digest="1"))
        results.add(Outcome(job="a", row=1, state="done", digest="2"), node="n1")
    with path.open("a") as file:
        file.write('{"job": "b", "row": 2, "sta')
    assert {name: one.digest for name, one in read_results(path).items()} == {"a": "2"}
    with ResultsFile(path) as results:
        results.add(Outcome(job="c", row=3, state="done", digest="3"))
    assert set(read_results(path)) == {"a", "c"}
    path.write_text(f'{path.read_text()}[1]\n{{"job": 3, "row": 1, "state": "done"}}\n')
    assert set(read_results(path)) == {"a", "c"}
    assert json.loads(path.read_text().splitlines()[1])["node"] == "n1"
    assert read_results(tmp_path / "none") == {}


def test_results_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="results"):
        ResultsFile(tmp_path / "none" / "r.jsonl")
    if Path("/dev/full").exists():
        with ResultsFile(Path("/dev/full")) as results, pytest.raises(OutputError, match="space"):
            results.add(Outcome(job="a", row=1, state="done"))
