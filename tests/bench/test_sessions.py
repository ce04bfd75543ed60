"""Counting what a machine holds side by side."""

import time
from dataclasses import replace

import pytest

from lipsync_edge.bench import live_sessions, sessions
from lipsync_edge.bench.live_sessions import SessionsCost, cost_of, most_held
from lipsync_edge.bench.runs import RunsCost, side_by_side
from lipsync_edge.bench.worker import Job
from lipsync_edge.demo import demo_files
from lipsync_edge.errors import LipsyncError
from tests.pipeline import test_stream

NOTHING = SessionsCost(
    sessions=1, lost=0.0, cpu_ms_per_slot=1.0, busy_cores=0.1, mb_each=1.0, mbit_s_each=1.0
)


@pytest.mark.parametrize("capacity", [0, 1, 2, 3, 7, 31, 32, 50, 200])
def test_the_most_that_are_held_are_found_in_few_tries(capacity: int) -> None:
    tried: list[int] = []

    def measure(count: int) -> SessionsCost:
        tried.append(count)
        return replace(NOTHING, sessions=count, lost=0.0 if count <= capacity else 0.5)

    held, over = most_held(measure, 64)
    assert (held.sessions if held else 0) in range(capacity - capacity // 9, capacity + 1) or capacity > 64
    if capacity >= 64:
        assert held is not None
        assert (held.sessions, over) == (64, None)
    else:
        assert over is not None
        assert over.sessions > capacity
    assert len(tried) == len(set(tried)) <= 12
    assert max(tried) <= 64


def test_idle_sessions_really_run() -> None:
    stream = test_stream.make_engine().stream(test_stream.AVATAR)
    cost = cost_of(2, stream, None, 1.0)
    assert cost.sessions == 2
    assert 0 <= cost.lost < 1
    assert cost.cpu_ms_per_slot > 0
    assert cost.mbit_s_each > 0


def test_sessions_that_come_too_late_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    write = live_sessions.OneViewer.write

    def slow(self: live_sessions.OneViewer, slot: object) -> None:
        time.sleep(0.2)
        write(self, slot)  # type: ignore[arg-type]

    monkeypatch.setattr(live_sessions.OneViewer, "write", slow)
    assert not cost_of(1, test_stream.make_engine().stream(test_stream.AVATAR), None, 1.5).held


def job_of(**more: object) -> Job:
    face, audio = map(str, demo_files())
    told = {"preset": "lite", "device": "cpu", "precision": "int8", "threads": None, "models": None}
    return Job(**{**told, "face": face, "audio": audio, "seconds": 0.4, "began": time.time(), **more})  # type: ignore[arg-type]


def test_runs_side_by_side_share_the_cores() -> None:
    told: list[str] = []
    found = side_by_side(job_of(), [1, 2], 2, told.append)
    assert [(one.runs, one.threads) for one in found] == [(1, None), (2, 1)]
    assert all(one.fps > 0 and (one.mb_each or 0) > 100 for one in found)
    assert told == ["one run", "2 runs side by side"]


def test_a_run_that_fails_says_why() -> None:
    with pytest.raises(LipsyncError, match=r"nothing\.mp4"):
        side_by_side(job_of(face="nothing.mp4"), [2], 2, lambda text: None)


def test_more_runs_are_only_worth_their_memory_where_they_give_more() -> None:
    def of(*fps: float) -> list[RunsCost]:
        return [RunsCost(runs=k, threads=1, fps=one, mb_each=None) for k, one in enumerate(fps, 1)]

    assert sessions.best_of(of(40, 41, 39)) == 1
    assert sessions.best_of(of(40, 60, 61)) == 2


def test_the_text_says_what_is_held_and_what_is_not() -> None:
    held = {"sessions": 3, "busy_cores": 1.5, "mb_each": 12.0, "mbit_s_each": 19.0, "lost": 0.0}
    said = sessions.text(
        {
            "machine": {"processor": "P", "cores": 2, "load": 0.1},
            "preset": "lite",
            "runs": [{"runs": 2, "fps": 50.0, "mb_each": 400.0, "threads": 1}],
            "best_runs": 2,
            "speaking": {"held": held, "too_many": {"sessions": 4, "lost": 0.07}},
            "idle": {"held": None, "too_many": {"sessions": 1, "lost": 1.0}},
        }
    )
    assert "2 × run: 50.0 fps in all, 400 MB each" in said
    assert "speaking: 3 at 25 fps, 1.5 cores busy, 12 MB and 19 Mbit/s each; 4 lose 7%" in said
    assert "idle: not one; 1 lose 100%" in said
