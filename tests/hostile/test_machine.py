"""Faults of the machine: disks that are full or read-only, files that vanish, memory that is short, killed runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from lipsync_edge.errors import InputError, LipsyncError
from lipsync_edge.pipeline import threads
from lipsync_edge.pipeline.avatar import load_avatar
from lipsync_edge.pipeline.threads import ReadAhead
from tests.clips import write_clip, write_sound
from tests.hostile.forked import forks
from tests.scripted import SIZE, make_engine

ROOT = Path(__file__).parents[2]
MAIN = [sys.executable, "-c", "from tests.cli.on_numpy import main_on_numpy; main_on_numpy()"]
RUN = ["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--device", "cpu", "-q"]
IS_ROOT = os.name == "posix" and os.geteuid() == 0

Command = Callable[[Path, list[str]], tuple[int, str]]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="as Linux does it")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clip(tmp_path / "face.mp4", 8, size=SIZE)
    write_sound(tmp_path / "speech.wav", 0.3)
    return tmp_path


def started(folder: Path, words: list[str], **more: object) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*MAIN, *words], cwd=folder, env=environment, text=True, **pipes, **more)  # type: ignore[call-overload,no-any-return]


def ended(folder: Path, words: list[str], **more: object) -> tuple[int, str]:
    """Exit code and stderr."""
    process = started(folder, words, **more)
    _, err = process.communicate(timeout=300)
    return process.returncode, err


@pytest.fixture(scope="module")
def forked() -> Iterator[Command]:
    """As `ended`, and sooner: of a process that has imported everything."""
    with forks() as run:

        def command(folder: Path, words: list[str]) -> tuple[int, str]:
            done = run(*words, folder=folder)
            return done.code, done.err

        yield command


def one_line(err: str) -> bool:
    return err.count("\n") == 1 and err.startswith("lipsync-edge: expected ")


@contextmanager
def mounted(place: Path, size: str) -> Iterator[Path]:
    """A small disk of one's own."""
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True
    )
    if done.returncode:
        pytest.skip("no disk may be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.skipif(not IS_ROOT, reason="mounts a disk")
@pytest.mark.parametrize(
    "suffix", [".mp4", *(pytest.param(one, marks=pytest.mark.nightly) for one in (".mkv", ".webm"))]
)
def test_a_disk_that_becomes_full(folder: Path, suffix: str, forked: Command) -> None:
    write_sound(folder / "speech.wav", 6.0)
    with mounted(folder / "disk", "64k") as disk:
        code, err = forked(folder, [*RUN[:4], f"disk/o{suffix}", *RUN[5:]])
        assert (code, one_line(err)) == (5, True), err
        assert "no space left" in err.lower()
        assert list(disk.iterdir()) == []


@pytest.mark.skipif(not IS_ROOT, reason="mounts a disk")
def test_a_full_disk_for_avatars_reports_and_the_cache(folder: Path, forked: Command) -> None:
    with mounted(folder / "disk", "4k") as disk:
        (disk / "filler").write_bytes(bytes(4096))
        for words in (["prepare", "face.mp4", "-o", "disk/a.avatar"], [*RUN, "--report", "disk/r.json"]):
            code, err = forked(folder, words)
            assert (code, one_line(err)) == (5, True), err
        code, err = forked(folder, [*RUN, "--cache", "disk"])
        assert (code, err) == (0, "")  # a cache that cannot be written is none
        assert [path.name for path in disk.iterdir() if path.stat().st_size] == ["filler"]


@pytest.mark.skipif(not IS_ROOT, reason="mounts a disk")
def test_a_disk_that_may_only_be_read(folder: Path, forked: Command) -> None:
    with mounted(folder / "disk", "16m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for words in ([*RUN[:4], "disk/o.mp4", *RUN[5:]], ["prepare", "face.mp4", "-o", "disk/a"]):
            code, err = forked(folder, words)
            assert (code, one_line(err)) == (5, True), err


def wait_for_partial(process: subprocess.Popen[str], folder: Path) -> Path:
    deadline = time.monotonic() + 120
    while True:
        found = [path for path in folder.iterdir() if "partial" in path.name and path.stat().st_size]
        if found:
            return found[0]
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("gone", [pytest.param("file", marks=pytest.mark.nightly), "folder"])
def test_an_output_that_is_removed_while_it_is_written(folder: Path, gone: str) -> None:
    (folder / "out").mkdir()
    write_sound(folder / "speech.wav", 4.0)
    process = started(folder, [*RUN[:4], "out/o.mp4", *RUN[5:]])
    partial = wait_for_partial(process, folder / "out")
    partial.unlink()
    if gone == "folder":
        (folder / "out").rmdir()
    _, err = process.communicate(timeout=300)
    assert (process.returncode, one_line(err)) == (5, True), err
    assert not (folder / "out" / "o.mp4").exists()


def test_a_source_that_is_cut_while_it_is_read(folder: Path) -> None:
    write_clip(folder / "face.mp4", 60, size=SIZE, options={"crf": "1", "movflags": "+faststart"})
    write_sound(folder / "speech.wav", 8.0)
    process = started(folder, RUN)
    wait_for_partial(process, folder)
    for name in ("face.mp4", "speech.wav"):
        os.truncate(folder / name, (folder / name).stat().st_size // 2)
    _, err = process.communicate(timeout=300)
    assert process.returncode in (0, 3), err
    assert one_line(err) or not err
    left = {path.name for path in folder.iterdir()} - {"face.mp4", "speech.wav"}
    assert left == ({"o.mp4"} if process.returncode == 0 else set())


def test_an_avatar_that_is_cut_while_it_is_shown(folder: Path) -> None:
    """As copying a new one over it does: an error, not a bus error that ends the process."""
    made = make_engine().prepare(folder / "face.mp4")
    made.save(folder / "a.avatar")
    avatar = load_avatar(folder / "a.avatar")
    assert avatar.picture(0).shape[:2] == SIZE[::-1]
    os.truncate(folder / "a.avatar", 2000)
    with pytest.raises(InputError, match="damaged picture"):
        avatar.picture(len(avatar) - 1)


def test_a_share_that_stalls_does_not_hold_up_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stops waiting is not made to wait for a read that never returns."""
    monkeypatch.setattr(threads, "PATIENCE_S", 0.2)
    stalled = threading.Event()

    def frames() -> Iterator[int]:
        yield 1
        stalled.wait(60)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), ReadAhead(frames(), 2) as ahead:  # noqa: PT012 - leaving is the point
        assert next(iter(ahead)) == 1
        raise KeyboardInterrupt
    assert time.monotonic() - began < 10
    stalled.set()


def test_pipes_are_refused(folder: Path, forked: Command) -> None:
    os.mkfifo(folder / "pipe.mp4")
    code, err = forked(folder, [RUN[0], "pipe.mp4", *RUN[2:]])
    assert (code, one_line(err)) == (3, True)


@pytest.mark.parametrize("seconds", [-400_000_000, 400_000_000])
def test_a_clock_that_jumps(folder: Path, seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what marks say of the time knows the clock; a run in the middle of which it jumps is like any other."""
    now = time.time
    calls = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: now() + (seconds if next(calls) % 2 else 0))
    result = make_engine().run(folder / "face.mp4", folder / "speech.wav", folder / "o.mp4")
    assert result.frames == 8
    assert 0 <= result.elapsed_s < 100
    assert result.duration_s == float(Fraction(8, 25))


def test_errors_of_the_package_survive_the_way_between_processes() -> None:
    import pickle

    error = InputError(expected="a", got="b", fix="c")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert isinstance(back, LipsyncError)
    assert str(back) == str(error)
