"""Commands as processes in poor surroundings: streams closed or full, poor alphabets, no home, no temporary folder."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lipsync_edge.video.reader import VideoReader
from tests.clips import write_clip, write_sound
from tests.scripted import SIZE

ROOT = Path(__file__).parents[2]
MAIN = [sys.executable, "-c", "from tests.cli.on_numpy import main_on_numpy; main_on_numpy()"]
RUN = ["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--device", "cpu"]
HOMELESS = 54_321  # a user whom no system knows

pytestmark = pytest.mark.skipif(os.name != "posix", reason="as POSIX does it")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clip(tmp_path / "face.mp4", 8, size=SIZE)
    write_sound(tmp_path / "speech.wav", 0.3)
    return tmp_path


def process(folder: Path, words: list[str], redirect: str = "", **variables: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of a command, its streams redirected as a shell does it."""
    made = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", *MAIN, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        encoding=variables.get("PYTHONIOENCODING", "utf-8"),
    )
    return made.returncode, made.stdout, made.stderr


def is_whole(path: Path) -> bool:
    return len(list(VideoReader(path))) == 8


@pytest.mark.parametrize(
    "redirect", [">/dev/full", ">/dev/full 2>&1", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>&-"]
)
def test_nothing_that_cannot_be_printed_fails_a_run(folder: Path, redirect: str) -> None:
    code, out, err = process(folder, RUN, redirect)
    assert (code, err) == (0, "")
    assert out.count("\n") == (redirect == "2>&-")
    assert is_whole(folder / "o.mp4")


@pytest.mark.parametrize("redirect", [">/dev/full", ">&-"])
@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["--version"], ["devices"], ["models", "list"]]
)
def test_nor_help_and_lists(folder: Path, words: list[str], redirect: str) -> None:
    assert process(folder, words, redirect) == (0, "", "")


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_poor_alphabets(folder: Path, encoding: str) -> None:
    (folder / "face.mp4").rename(folder / "图 → ä.mp4")
    words = [RUN[0], "图 → ä.mp4", *RUN[2:4], "图.mp4"]
    code, out, err = process(folder, words, PYTHONIOENCODING=encoding)
    assert (code, err, out[:6]) == (0, "", "?.mp4:")
    assert is_whole(folder / "图.mp4")
    code, out, err = process(folder, ["run", "图.mp4", "图", "-o", "o.mp4"], PYTHONIOENCODING=encoding)
    assert (code, out, err.count("\n")) == (3, "", 1)
    code, out, _ = process(folder, ["devices"], PYTHONIOENCODING=encoding)
    assert code == 0
    assert "cpu" in out


def test_live_with_closed_streams(folder: Path) -> None:
    words = ["live", "--avatar", "face.mp4", "--audio", "speech.wav", "--out", "o.ts"]
    assert process(folder, words, "<&- >&- 2>&-") == (0, "", "")
    assert len(list(VideoReader(folder / "o.ts"))) >= 8
    for left_out, redirect, code in (("--audio", "<&-", 3), ("--out", ">&-", 5)):
        at = words.index(left_out)
        got, _, err = process(folder, words[:at] + words[at + 2 :], redirect)
        assert got == code
        assert err.splitlines()[-1].startswith("lipsync-edge: expected ")
        assert "Traceback" not in err


@pytest.mark.skipif(not shutil.which("setpriv") or os.geteuid() != 0, reason="becomes another user")
def test_a_user_without_home_and_name(folder: Path) -> None:
    folder.chmod(0o777)
    for above in folder.parents[:3]:
        above.chmod(0o755)
    strip = [
        "env",
        "-u",
        "HOME",
        "-u",
        "LIPSYNC_EDGE_BENCH",
        "-u",
        "USER",
        "-u",
        "LOGNAME",
        f"PYTHONPATH={ROOT}",
    ]
    reads = "+dac_read_search"  # the interpreter may lie in a folder that only its owner enters
    user = ["setpriv", f"--reuid={HOMELESS}", f"--regid={HOMELESS}", "--clear-groups"]
    user += [f"--inh-caps={reads}", f"--ambient-caps={reads}"]
    code = "from lipsync_edge.models.autotune import fastest, record; print(fastest('lite'), record('k', []))"
    for command in ([*MAIN, *RUN], [*MAIN, "devices"], [sys.executable, "-c", code]):
        made = subprocess.run(
            [*strip, *user, *command], cwd=folder, capture_output=True, text=True, timeout=120
        )
        assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == "None there is no cache folder\n"
    assert is_whole(folder / "o.mp4")


@pytest.mark.parametrize(
    ("made_so", "reason"),
    [
        ("tempfile.tempdir = '/no/such/folder'", "no such file or directory"),
        (
            "tempfile.TemporaryFile = lambda **_: open('/dev/full', 'r+b', buffering=0)",
            "no space left on device",
        ),
    ],
    ids=["missing", "full"],
)
def test_a_temporary_folder_that_is_missing_or_full(
    folder: Path, made_so: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "MAIN", [sys.executable, "-c", f"import tempfile\n{made_so}\n{MAIN[2]}"])
    for words in (
        ["prepare", "face.mp4", "-o", "a"],
        ["live", "--avatar", "face.mp4", "--audio", "speech.wav"],
    ):
        got, out, err = process(folder, words)
        assert (got, out) == (5, "")
        (line,) = (line for line in err.splitlines() if not line.startswith("{"))
        assert "expected room for the face's pictures in the temporary folder" in line
        assert reason in line
    got, _, err = process(folder, RUN)
    assert (got, err) == (0, "")  # it needs none


def begun(folder: Path, process: "subprocess.Popen[str]") -> None:
    """Wait until something of the result is written."""
    deadline = time.monotonic() + 60
    while not any("partial" in path.name and path.stat().st_size for path in folder.iterdir()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_goes_on_when_its_terminal_is_closed_where_it_was_told_to(folder: Path) -> None:
    write_sound(folder / "speech.wav", 4.0)
    with subprocess.Popen(
        [*MAIN, *RUN, "-q"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),  # as nohup does
    ) as started:
        begun(folder, started)
        started.send_signal(signal.SIGHUP)
    assert started.returncode == 0
    assert len(list(VideoReader(folder / "o.mp4"))) == 100


@pytest.mark.parametrize(
    "first",
    [
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGXCPU,
        signal.SIGUSR1,
        signal.SIGALRM,
    ],
)
def test_whatever_stops_it_again_and_again(tmp_path: Path, first: signal.Signals) -> None:
    write_clip(tmp_path / "face.mp4", 30, size=(640, 480))
    write_sound(tmp_path / "speech.wav", 300.0)
    started = subprocess.Popen(
        [*MAIN, *RUN],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    begun(tmp_path, started)
    for number in (first, *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) * 10):
        if started.poll() is None:
            started.send_signal(number)
            time.sleep(0.01)
    _, err = started.communicate(timeout=60)
    # of those that came in the same moment Python takes the one with the lowest number
    assert started.returncode - 128 in (first, signal.SIGHUP, signal.SIGINT)
    assert "Traceback" not in err
    assert err.count("\n") <= 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.mp4", "speech.wav"]


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1"])
def test_no_library_talks(folder: Path, codec: str) -> None:
    assert process(folder, [*RUN, "--codec", codec, "-q"]) == (0, "", "")
    assert is_whole(folder / "o.mp4")
