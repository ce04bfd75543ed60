"""Whole batches in real worker processes, on networks of numpy."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync_edge.batch.driver import DriverOptions
from lipsync_edge.batch.job import BatchJob
from lipsync_edge.batch.results import read_results
from lipsync_edge.batch.run import BatchOptions, BatchReport, run_batch
from lipsync_edge.batch.worker_count import candidates, threads_of
from lipsync_edge.errors import LipsyncError, ModelError, OutputError, UsageError
from lipsync_edge.file_lock import locked
from lipsync_edge.mark.check import check_marks
from lipsync_edge.mark.options import MarkOptions
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.video.reader import VideoReader
from tests.batch.fakes import job, load, parse
from tests.clips import write_clip, write_sound
from tests.scripted import SIZE, make_engine
from tests.video.test_writer import as_opencv_reads

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


def batch(folder: Path, jobs: list[BatchJob], **options: Any) -> BatchReport:
    usual: dict[str, Any] = {"out": folder.parent / "out", "workers": 2, "load": load}
    return run_batch(jobs, parse, BatchOptions(**(usual | options)))


def names(folder: Path) -> list[str]:
    """Every file in the output folder."""
    out = folder.parent / "out"
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def test_all_are_made_by_two_workers_that_load_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADED", str(tmp_path / "loaded.txt"))
    jobs = [job(folder, out=f"sub/{i}.mp4", row=i, loop="cut", no_mark="true") for i in range(1, 6)]
    report = batch(folder, jobs)
    assert (report.jobs, report.already, report.made, report.failures) == (5, 0, 5, ())
    assert report.frames == 5 * 8
    assert names(folder) == ["results.jsonl", *(f"sub/{i}.mp4" for i in range(1, 6))]
    loaded = [line.split() for line in (tmp_path / "loaded.txt").read_text().splitlines()]
    assert len({process for process, *_ in loaded}) == len(loaded) == 2
    bare = RunOptions(mark=MarkOptions(wanted=False))  # marks differ from run to run
    make_engine().run(folder / "face.mp4", folder / "speech.wav", tmp_path / "alone.mp4", options=bare)
    alone = (tmp_path / "alone.mp4").read_bytes()
    assert all((folder.parent / "out" / one.out).read_bytes() == alone for one in jobs)
    again = batch(folder, jobs)
    assert (again.already, again.made, again.workers.workers) == (5, 0, 0)


def test_what_changed_or_is_gone_is_made_again(folder: Path) -> None:
    jobs = [job(folder, out=f"{i}.mp4", row=i) for i in range(1, 5)]
    jobs.append(job(folder, "once.wav", out="5.mp4", row=5))
    (folder / "once.gone").touch()
    batch(folder, jobs)
    out = folder.parent / "out"
    (out / "1.mp4").unlink()
    (out / "2.mp4").write_bytes(b"half")
    shutil.copy(folder / "other.mp4", folder / "new.mp4")
    jobs[2] = job(folder, out="3.mp4", row=3, crf="30")
    jobs[4] = BatchJob(out="5.mp4", row=5, face=str(folder / "new.mp4"), audio=jobs[4].audio)
    report = batch(folder, jobs)
    assert (report.already, report.made) == (1, 4)
    assert len((out / "results.jsonl").read_text().splitlines()) == 9
    assert len(list(VideoReader(out / "2.mp4"))) == 8


@posix
def test_a_crash_costs_one_job(folder: Path) -> None:
    moods = ("kill", "speech", "exit", "once", "bug", "speech")
    jobs = [job(folder, f"{mood}.wav", row=i) for i, mood in enumerate(moods, 1)]
    report = batch(folder, jobs)
    assert report.made == 3
    assert [(one.row, one.exit_code, one.attempts) for one in report.failures] == [
        (1, 137, 2),
        (3, 7, 2),
        (5, 1, 2),
    ]
    assert [one.error for one in report.failures][2] == "ZeroDivisionError: a mistake"
    assert "SIGKILL" in report.failures[0].error
    assert read_results(folder.parent / "out" / "results.jsonl")["once4.mp4"].attempts == 2
    finished = [name for name in names(folder) if ".lipsync-batch" not in name]
    assert finished == ["once4.mp4", "results.jsonl", "speech2.mp4", "speech6.mp4"]


def test_bad_input_is_not_tried_again_and_a_full_disk_stops(folder: Path) -> None:
    (folder / "text.wav").write_text("no sound")
    report = batch(folder, [job(folder, "text.wav"), job(folder, "speech.wav", row=2)], workers=1)
    assert [(one.exit_code, one.attempts) for one in report.failures] == [(3, 1)]
    assert report.made == 1
    jobs = [job(folder, "full.wav", row=3), *(job(folder, row=i) for i in range(4, 8))]
    report = batch(folder, jobs, workers=1)
    assert (report.made, report.not_begun, report.stopped) == (0, 4, "the disk is full")
    assert report.failures[0].exit_code == 5


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("file", "an output folder at"),
        ("full", "1 MB free"),
        ("input", "an output that is none of the inputs in row 1"),
        ("folder", "a file name for the output of row 1; got the folder a.mp4"),
        ("busy", "another batch"),
        ("model", "edge_detect"),
        ("workers", "1024 workers"),
        ("results", "write the results"),
    ],
)
def test_what_cannot_be_done_is_said_before_work_begins(
    folder: Path, kind: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder.parent / "out"
    jobs, options = [job(folder)], {}
    if kind == "file":
        out.write_text("")
    elif kind == "full":
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 30, 1 << 30, 1 << 20))
    elif kind == "input":
        options, jobs = {"out": folder}, [job(folder, out="face.mp4")]
    elif kind == "folder":
        jobs = [job(folder, out="a.mp4")]
        (out / "a.mp4").mkdir(parents=True)
    elif kind == "model":
        jobs = [job(folder, preset="lite", precision="fp16")]
    elif kind == "workers":
        options = {"workers": 5000}
    elif kind == "results":
        options = {"results": folder / "none" / "r.jsonl"}
    lock = out / ".lipsync-batch" / "lock"
    if kind == "busy":
        lock.parent.mkdir(parents=True)
        with locked(lock), pytest.raises(OutputError, match=said):
            batch(folder, jobs)
        return
    with pytest.raises((UsageError, OutputError, ModelError), match=said):
        batch(folder, jobs, **options)
    assert not [path for path in folder.parent.rglob("*.mp4") if path.parent != folder and path.is_file()]


MAIN = "from tests.batch.test_run import interrupted; interrupted()"


def interrupted() -> None:
    """The command line on networks of numpy, workers included."""
    from lipsync_edge.batch import run as batch_run
    from lipsync_edge.cli.main import main

    class OnNumpy(BatchOptions):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options, load=load)

    batch_run.BatchOptions = OnNumpy  # type: ignore[misc]
    main()


def started(folder: Path, rows: int, *words: str) -> "subprocess.Popen[str]":
    lines = "".join(f"face.mp4,long.wav,{i}.mp4\n" for i in range(rows))
    (folder / "jobs.csv").write_text(f"face,audio,out\nface.mp4,speech.wav,first.mp4\n{lines}")
    command = [sys.executable, "-c", MAIN, "batch", "jobs.csv", "-o", "../out", "--workers", "2", *words]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until_half_made(folder: Path, process: "subprocess.Popen[str]") -> None:
    """Wait until the first job is done and both workers are at one."""
    out, deadline = folder.parent / "out", time.monotonic() + 90
    while True:
        half = [path for path in (out / ".lipsync-batch").rglob("*partial*") if path.stat().st_size]
        if (out / "first.mp4").exists() and len(half) == 2:
            return
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing_half_and_the_same_command_goes_on(
    folder: Path, number: signal.Signals, code: int
) -> None:
    write_sound(folder / "long.wav", 300.0)
    process = started(folder, 3)
    until_half_made(folder, process)
    os.killpg(process.pid, number)  # as a terminal does: the workers are meant, too
    said, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "1 of 4 jobs made" in err
    assert [name for name in names(folder) if ".lipsync-batch" not in name] == ["first.mp4", "results.jsonl"]
    assert not [name for name in names(folder) if "partial" in name]
    write_sound(folder / "long.wav", 0.2)
    process = started(folder, 3)
    said, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert said.startswith("../out: 3 of 4 jobs made, 1 were already there")
    assert names(folder) == ["0.mp4", "1.mp4", "2.mp4", "first.mp4", "results.jsonl"]


@posix
def test_workers_end_with_a_driver_that_was_killed(folder: Path) -> None:
    write_sound(folder / "long.wav", 300.0)
    process = started(folder, 3)
    until_half_made(folder, process)
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while [name for name in names(folder) if "partial" in name]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert [name for name in names(folder) if name.endswith(".mp4")] == ["first.mp4"]
    while is_there(process.pid):  # any of the whole group
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_how_many_workers_are_tried_and_their_threads() -> None:
    assert candidates(1, 8000) == [1]
    assert candidates(2, 8000) == [1, 2]
    assert candidates(12, None) == [1, 2, 4, 8, 12]
    assert candidates(16, 4000) == [1, 2, 4, 5]
    assert (threads_of(1, 8), threads_of(2, 8), threads_of(16, 8)) == (None, 4, 1)


def test_auto_measures_once_and_remembers(
    folder: Path, autotune_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipsync_edge.batch import worker_count

    monkeypatch.setattr(worker_count, "candidates", lambda cores, memory: [1, 2])
    told: list[str] = []
    jobs = [job(folder, row=i, out=f"{i}.mp4") for i in range(4)]
    options = BatchOptions(out=folder.parent / "out", load=load)
    report = run_batch(jobs, parse, options, tell=told.append)
    assert told == ["measuring how many workers are fastest: 1, 2"]
    assert report.workers.workers in (1, 2)
    assert report.workers.why.startswith("measured: 1: ")
    assert (report.made, report.frames) == (4, 4 * 8)
    kept = json.loads(autotune_cache.with_name("workers.json").read_text())
    assert list(kept.values()) == [report.workers.workers]
    (folder.parent / "out" / "0.mp4").unlink()
    few = run_batch(jobs, parse, options)
    assert (few.workers.workers, few.workers.why) == (1, "so few jobs")
    shutil.rmtree(folder.parent / "out")
    again = run_batch(jobs, parse, options, tell=told.append)
    assert (again.workers.workers, again.workers.why) == (report.workers.workers, "measured before")
    assert len(told) == 1


def test_errors_of_the_results_end_the_batch_and_its_workers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipsync_edge.batch import run as batch_run

    def refuse(self: object, outcome: object) -> None:
        raise OutputError(expected="to write", got="no space")

    monkeypatch.setattr(batch_run.ResultsFile, "add", refuse)
    with pytest.raises(LipsyncError, match="no space"):
        batch(folder, [job(folder)], driver=DriverOptions())


def test_results_are_marked_unless_a_row_says_no(folder: Path) -> None:
    report = batch(folder, [job(folder, out="a.mp4")], workers=1)
    assert report.failures == ()
    assert check_marks(folder.parent / "out" / "a.mp4").marked
    report = batch(folder, [job(folder, out="b.mp4", no_mark="true")], workers=1)
    assert not check_marks(folder.parent / "out" / "b.mp4").layers


def test_a_result_that_could_not_be_marked_is_there_and_told_as_a_failure_and_the_others_are_made(
    folder: Path,
) -> None:
    shutil.copy(folder / "speech.wav", folder / "unsigned.wav")
    report = batch(folder, [job(folder, "unsigned.wav"), job(folder, out="b.mp4", row=2)], workers=1)
    (failed,) = report.failures
    assert (failed.job, failed.exit_code) == ("unsigned1.mp4", 5)
    assert "unsigned1.mp4 marked as AI; got C2PA manifest: the key is gone" in failed.error
    assert "b.mp4" in names(folder)
    kept = folder.parent / "out" / "unsigned1.mp4"
    assert len(list(VideoReader(kept))) > 0
    assert [layer.kind for layer in check_marks(kept).layers] == ["metadata"]


def test_long_jobs_are_made_in_parts_by_several_workers(folder: Path) -> None:
    write_clip(folder / "face.mp4", 60, size=SIZE)
    write_sound(folder / "long.wav", 3.0)
    jobs = [
        job(folder, "long.wav", out="sub/long.mp4", crf="0", no_mark="true"),
        job(folder, "speech.wav", out="short.mp4", row=2),
        job(folder, "none.wav", out="none.mp4", row=3),
    ]
    report = batch(folder, jobs, split=1.0)
    assert (report.made, report.frames) == (2, 75 + 8)
    assert [(one.job, one.exit_code) for one in report.failures] == [("none.mp4", 3)]
    lines = [json.loads(line) for line in (folder.parent / "out" / "results.jsonl").read_text().splitlines()]
    assert sorted(one["job"] for one in lines) == ["none.mp4", "short.mp4", "sub/long.mp4"]
    assert next(one["frames"] for one in lines if one["job"] == "sub/long.mp4") == 75
    finished = [name for name in names(folder) if not name.endswith("lock")]
    assert [name for name in finished if "cache" not in name] == [
        "results.jsonl",
        "short.mp4",
        "sub/long.mp4",
    ]
    bare = RunOptions(crf=0, mark=MarkOptions(wanted=False))
    make_engine().run(folder / "face.mp4", folder / "long.wav", folder / "whole.mp4", options=bare)
    before, after = (
        as_opencv_reads(path)[1] for path in (folder / "whole.mp4", folder.parent / "out/sub/long.mp4")
    )
    assert len(before) == len(after) == 75
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    again = batch(folder, jobs[:2], split=1.0)
    assert (again.already, again.made) == (2, 0)
    with pytest.raises(UsageError, match="at least 1 seconds"):
        batch(folder, jobs, split=0.5)
