"""Runs that are killed, short of memory, on one core, in child processes and after a fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from lipsync_edge.video.reader import VideoReader
from tests.clips import write_clip, write_sound
from tests.hostile.test_machine import ROOT, RUN, ended, started
from tests.scripted import SIZE

resource = pytest.importorskip("resource")  # POSIX has it
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="as Linux does it")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clip(tmp_path / "face.mp4", 8, size=SIZE)
    write_sound(tmp_path / "speech.wav", 0.3)
    return tmp_path


def killed_runs(folder: Path, count: int, seed: int) -> list[str]:
    """Kill so many runs at moments that nobody chose; return what was wrong with what they left.

    Each shares the folder and the cache with those before it. At the end one is left alone, and must succeed.
    """
    rng, wrong = Random(seed), []
    words = [*RUN, "--cache", "cache"]
    began = time.monotonic()
    code, err = ended(folder, words)
    whole_s = time.monotonic() - began
    if code:
        return [f"the run itself: {code} {err}"]
    for number in range(count):
        (folder / "o.mp4").unlink(missing_ok=True)
        process = started(folder, words)
        time.sleep(rng.uniform(0.2, 1.1) * whole_s)
        sent = rng.choice((signal.SIGKILL, signal.SIGTERM))
        with suppress(ProcessLookupError):
            process.send_signal(sent)
        _, err = process.communicate(timeout=300)
        finished = process.returncode == 0
        if process.returncode not in (0, -sent, 128 + sent) or "Traceback" in err:
            wrong.append(f"{number}: code {process.returncode}: {err[-500:]}")
        if (folder / "o.mp4").exists() and len(list(VideoReader(folder / "o.mp4"))) != 8:
            wrong.append(f"{number}: a part of a video under the output's name")
        if sent == signal.SIGTERM and not finished and any("partial" in one.name for one in folder.iterdir()):
            wrong.append(f"{number}: a partial file after SIGTERM")
        for one in folder.glob(".*partial*"):
            one.unlink()
    code, err = ended(folder, words)
    if (code, err) != (0, "") or len(list(VideoReader(folder / "o.mp4"))) != 8:
        wrong.append(f"the run after them: {code} {err[-500:]}")
    return wrong


def test_five_runs_killed_at_random_leave_nothing_that_a_later_one_trips_over(folder: Path) -> None:
    assert killed_runs(folder, 5, seed=1) == []


@pytest.mark.nightly
def test_a_hundred_killed_runs(folder: Path) -> None:
    assert killed_runs(folder, 100, seed=2) == []


def limited(megabytes: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))


@pytest.mark.parametrize(
    "megabytes", [900, *(pytest.param(most, marks=pytest.mark.nightly) for most in (750, 1200))]
)
def test_short_memory_is_said_in_a_line(folder: Path, megabytes: int) -> None:
    """What cannot be had is asked for in many places; wherever it is, a run ends with one line and leaves nothing."""
    write_clip(folder / "face.mp4", 4, size=(1920, 1080))
    code, err = ended(folder, RUN, preexec_fn=limited(megabytes))
    if code == 0:
        assert err == ""
        return
    assert code in (1, 3, 4, 5), err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("lipsync-edge: expected "), err[-2000:]  # encoders say it, too
    assert {path.name for path in folder.iterdir()} == {"face.mp4", "speech.wav"}


def test_one_core_is_enough(folder: Path) -> None:
    one = min(os.sched_getaffinity(0))
    code, err = ended(folder, RUN, preexec_fn=lambda: os.sched_setaffinity(0, {one}))
    assert (code, err) == (0, "")


CHILD = """
import multiprocessing, sys
from pathlib import Path
from tests.hostile.test_processes import engine_run
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    child = context.Process(target=engine_run, args=(sys.argv[2],))
    child.start(); child.join(200); sys.exit(child.exitcode)
"""


def engine_run(folder: str) -> None:
    import lipsync_edge as le

    le.load(device="cpu", threads=1).run(f"{folder}/face.mp4", f"{folder}/speech.wav", f"{folder}/o.mp4",
        options=le.RunOptions(box_xyxy=(100, 60, 250, 200)))  # fmt: skip


@pytest.mark.parametrize("way", ["fork", "spawn", pytest.param("forkserver", marks=pytest.mark.nightly)])
def test_an_engine_runs_in_a_child_process(folder: Path, way: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", CHILD, way, str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list(VideoReader(folder / "o.mp4"))) == 8


AFTER_A_FORK = """
import os, sys
import lipsync_edge as le
engine = le.load(device=sys.argv[2], threads=2)
options = le.RunOptions(box_xyxy=(100, 60, 250, 200))
files = [f"{sys.argv[1]}/{name}" for name in ("face.mp4", "speech.wav", "o.mp4")]
run = lambda: engine.run(*files, options=options)
run()
pid = os.fork()
if not pid:
    code = 1
    try:
        run()
    except le.LipsyncError as error:
        print(error); code = error.exit_code
    finally:
        sys.stdout.flush(); os._exit(code)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_an_engine_that_was_loaded_before_a_fork_says_so_instead_of_hanging(folder: Path) -> None:
    """The runtime's threads do not live in the child."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AFTER_A_FORK, str(folder), "cpu"], cwd=ROOT, capture_output=True,
        text=True, timeout=300, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "loaded in this process" in done.stdout
