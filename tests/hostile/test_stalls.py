"""Files that do not answer, as on a network drive whose server is gone: a signal ends every command all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from lipsync_edge.video.reader import VideoReader
from tests.clips import write_clip, write_sound
from tests.hostile.test_machine import IS_ROOT, MAIN, ROOT, RUN
from tests.scripted import SIZE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="as Linux does it")

# a lock that is taken twice waits in the system until the process is killed, as a read from such a drive does
STALL = """
import ctypes, sys
from pathlib import Path
from lipsync_edge.cli import stuck
stuck.GRACE_S, stuck._LOOK_S = 1.0, 0.1
libc, lock = ctypes.CDLL(None), ctypes.create_string_buffer(64)

def stall(*_, **__):
    Path("stalled").touch()
    libc.pthread_mutex_lock(lock)
    libc.pthread_mutex_lock(lock)
"""
PLACES = {
    "the face, before anything": "from lipsync_edge.pipeline import job; job.probe = stall",
    "the face, midway": "from lipsync_edge.video.reader import VideoReader; VideoReader.upright = stall",
    "the voice, midway": "from lipsync_edge.audio import reader; reader.decoded = reader.opened = stall",
    "the output, midway": "from lipsync_edge.video.output_file import OutputFile; OutputFile.mux = stall",
    "the output, at the end": "from lipsync_edge.video.output_file import OutputFile; OutputFile.close = stall",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clip(tmp_path / "face.mp4", 8, size=SIZE)
    write_sound(tmp_path / "speech.wav", 0.3)
    return tmp_path


def started(folder: Path, prelude: str, words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*MAIN[:2], f"{prelude}\n{MAIN[2]}", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(there: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not there():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stopped(folder: Path, place: str, number: signal.Signals) -> None:
    process = started(folder, STALL + PLACES[place], RUN)
    wait_for((folder / "stalled").exists, process)
    time.sleep(0.2)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert err.count("\n") <= 1, err
    assert "Traceback" not in err
    left = {path.name for path in folder.iterdir()} - {"face.mp4", "speech.wav", "stalled"}
    assert "o.mp4" not in left
    assert "output" in place or not left


@pytest.mark.parametrize(
    ("place", "number"),
    [("the face, before anything", signal.SIGINT), ("the output, midway", signal.SIGTERM)],
)
def test_a_signal_ends_a_run_that_waits_for_a_file(folder: Path, place: str, number: signal.Signals) -> None:
    stopped(folder, place, number)


@pytest.mark.nightly
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("place", PLACES)
def test_every_signal_ends_it_everywhere(folder: Path, place: str, number: signal.Signals) -> None:
    stopped(folder, place, number)


@pytest.mark.nightly
@pytest.mark.skipif(not IS_ROOT, reason="mounts a share")
def test_a_share_that_answers_again_is_waited_for(folder: Path) -> None:
    pytest.importorskip("mfusepy")
    from tests.hostile.stalling import share

    real = folder / "real"
    real.mkdir()
    write_clip(real / "face.mp4", 60, size=SIZE, options={"crf": "1"})
    write_sound(folder / "speech.wav", 6.0)
    with ExitStack() as stack:
        try:
            stack.enter_context(share(real, folder / "m"))
        except OSError as error:
            pytest.skip(str(error))
        for kind, out in (("read", "o.mp4"), ("write", "m/o.mp4")):
            flag = real / f"stall-{kind}"
            process = started(folder, "", [RUN[0], "m/face.mp4", "speech.wav", "-o", out, *RUN[5:]])
            wait_for(
                lambda: any(".partial" in one.name for one in (*real.iterdir(), *folder.iterdir())), process
            )
            flag.touch()
            time.sleep(1.0)
            waits = process.poll() is None
            flag.unlink()
            _, err = process.communicate(timeout=120)
            assert (process.returncode, err) == (0, "")
            assert waits
            assert len(list(VideoReader(folder / out))) == 150
