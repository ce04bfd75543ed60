"""The C host: built with gcc, run as a program and as an extension; its frames are those of Python."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from lipsync_edge.audio.resample import to_int16
from tests.live.fakes import open_stream, speech

ROOT = Path(__file__).parents[2]
HOST = ROOT / "examples" / "c_host"
SOUND = to_int16(speech(1.0))
GLUE = """
import signal  # takes SIGINT when it is first imported, unless the host prevents it
from tests.live import fakes as live_fakes
def open_stream(argument):
    if argument == "fail":
        raise RuntimeError("broken on purpose")
    stream = live_fakes.open_stream(side=int(argument))
    if argument == "90":
        def broken(*_):
            raise RuntimeError("broken while it ran")
        stream.renderer.render = broken
    return stream
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("c_host")
    command = ["make", "-C", str(HOST), f"OUT={folder}", f"PYTHON={sys.executable}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no make")
    if done.returncode and "Python.h" in done.stderr:
        pytest.skip("no headers of Python")
    assert done.returncode == 0, done.stderr
    (folder / "glue.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{GLUE}", "utf-8")
    (folder / "pcm").write_bytes(SOUND.tobytes())
    return folder


def run(built: Path, argument: str, threads: int = 1) -> tuple[subprocess.CompletedProcess[str], np.ndarray]:
    out = built / "frames"
    done = subprocess.run(
        [built / "c_host", sys.executable, built, "glue", argument, built / "pcm", out, str(threads)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done, np.frombuffer(out.read_bytes(), np.uint8)


def wanted() -> np.ndarray:
    with open_stream() as stream:
        return np.stack([f.image_bgr for f in [*stream.push(SOUND), *stream.flush()]])


@pytest.mark.parametrize("threads", [1, 3])
def test_the_program_gets_the_frames_of_python(built: Path, threads: int) -> None:
    done, frames = run(built, "96", threads)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(frames.reshape(-1, 96, 96, 3), wanted())
    measured = json.loads(done.stdout)  # one line and nothing else was printed
    assert done.stderr == ""
    assert measured["frames"] == 25
    assert measured["same"]
    assert measured["signals_untouched"]
    assert measured["unloaded"]
    print(done.stdout)
    assert 0 < measured["overhead_us"] < 2000


@pytest.mark.parametrize(("argument", "said"), [("fail", "broken on purpose"), ("90", "broken while it ran")])
def test_an_error_in_python_is_an_error_in_c(built: Path, argument: str, said: str) -> None:
    done, _ = run(built, argument)
    assert done.returncode == 1
    assert done.stderr == f"c_host: RuntimeError: {said}\n"
    assert json.loads(done.stdout)["unloaded"]


def test_the_extension_gets_the_frames_of_python(built: Path) -> None:
    assert (built / f"lipsync_host{sysconfig.get_config_var('EXT_SUFFIX')}").exists()
    program = (
        f"import sys; sys.path.insert(0, {str(built)!r})\n"
        "import lipsync_host\n"
        "pcm = open(sys.argv[1], 'rb').read()\n"
        "first = lipsync_host.speak('glue', '96', pcm)\n"
        "try:\n"
        "    lipsync_host.speak('glue', 'fail', pcm)\n"
        "except RuntimeError as error:\n"
        "    assert 'broken on purpose' in str(error)\n"
        "else:\n"
        "    raise SystemExit('no error')\n"
        "assert lipsync_host.speak('glue', '96', b'') == b''\n"
        "open(sys.argv[2], 'wb').write(first)\n"
    )
    out = built / "extension_frames"
    done = subprocess.run(
        [sys.executable, "-c", program, built / "pcm", out],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.frombuffer(out.read_bytes(), np.uint8).reshape(-1, 96, 96, 3), wanted())
