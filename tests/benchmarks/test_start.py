"""What is waited for before the first frame: modules that need not be there are not loaded (times are benchmarks')."""

import json
import subprocess
import sys
import time

import pytest

from benchmarks.run import start
from tests.clips import write_clip, write_sound
from tests.scripted import SIZE

NOT_ASKED_FOR = ("torch", "onnx", "openvino", "matplotlib", "rich.progress", "starlette", "sounddevice")
RUN = f"""
import sys
from lipsync_edge.cli import main as cli
from lipsync_edge import engine as loading
from tests.scripted import make_engine
loading.load_engine = lambda _: make_engine()
try:
    cli.main()
finally:
    print([name for name in {NOT_ASKED_FOR!r} if name in sys.modules])
"""


def test_the_import_loads_nothing_that_costs():
    ms, heavy = start.import_once()
    assert heavy == []
    assert ms > 0


def test_a_quiet_run_loads_nothing_it_was_not_asked_for(tmp_path):
    face, sound = write_clip(tmp_path / "f.mp4", 3, size=SIZE), write_sound(tmp_path / "s.wav", 0.1)
    words = ["run", str(face), str(sound), "-o", str(tmp_path / "o.mp4"), "--quiet"]
    done = subprocess.run([sys.executable, "-c", RUN, *words], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert (tmp_path / "o.mp4").stat().st_size > 0


def test_the_first_frame_is_noted_once_and_after_the_start(tmp_path):
    face, sound = write_clip(tmp_path / "f.mp4", 25, size=SIZE), write_sound(tmp_path / "s.wav", 0.2)
    before = time.time()
    with pytest.raises(subprocess.CalledProcessError):  # no face in these pictures for the real detector
        start.first_frame_once("lite", face, sound, tmp_path)
    assert before < float((tmp_path / "first").read_text()) < time.time()


def test_the_median_decides():
    assert start.summary([1.0, 2.0, 9.0], 3.0) == {
        "median": 2.0,
        "worst": 9.0,
        "n": 3,
        "target": 3.0,
        "reached": True,
    }
    assert json.loads(json.dumps(start.summary([3.0], 3.0)))["reached"] is False
