"""The command line: exit codes, one line an error, JSON, options from a file, and interrupts."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import lipsync_edge as le
from lipsync_edge.models import stage_times, tuner
from lipsync_edge.video.writer import VideoWriter
from tests.clips import write_clip, write_sound, write_still
from tests.scripted import SIZE
from tests.video.test_tracks import write_tracks


def test_run_says_in_one_line_what_it_did(typed: Any, tmp_path: Path) -> None:
    code, out, err = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4")
    assert (code, err) == (0, "")
    assert out.startswith("o.mp4: 13 frames 320x240")
    assert out.count("\n") == 1
    assert (tmp_path / "o.mp4").stat().st_size > 1000


def test_quiet_says_nothing(typed: Any) -> None:
    assert typed("run", "face.mp4", "speech.wav", "-o", "o.mp4", "--quiet") == (0, "", "")


def test_json_is_one_object_and_the_report_the_same(typed: Any, tmp_path: Path) -> None:
    code, out, err = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4", "--json", "--report", "r.json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert result["frames"] == 13
    assert result["frames_without_face"] == 0
    assert set(result["devices"]) == {"detect", "lips", "segment"}
    assert json.loads((tmp_path / "r.json").read_text("utf-8")) == result


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run"], 2),
        (["run", "face.mp4"], 2),
        (["sing", "face.mp4"], 2),
        (["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--crf", "low"], 2),
        (["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--loop", "spin"], 2),
        (["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--face", "tallest"], 2),
        (["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--box", "1,2,3"], 2),
        (["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--pads", "a,b,c,d"], 2),
        (["run", "face.mp4", "speech.wav", "-o", "o.avi"], 2),
        (["run", "face.mp4", "speech.wav", "-o", "face.mp4"], 2),
        (["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--config", "none.toml"], 2),
        (["run", "nobody.mp4", "speech.wav", "-o", "o.mp4"], 3),
        (["run", "face.mp4", "face.mp4", "-o", "o.mp4"], 3),
        (["run", "speech.wav", "speech.wav", "-o", "o.mp4"], 3),
        (["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--face", "9"], 3),
        (["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--face", "none.jpg"], 3),
        (["run", "face.mp4", "speech.wav", "-o", "nowhere/o.mp4"], 5),
        (["run", "face.mp4", "speech.wav", "-o", "o.mp4", "--report", "nowhere/r.json"], 5),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else str(value),
)
def test_an_error_is_one_line_and_its_exit_code(typed: Any, words: list[str], code: int) -> None:
    got, out, err = typed(*words)
    assert got == code
    assert out == ""
    assert err.startswith("lipsync-edge: expected ")
    assert "; got " in err
    assert err.count("\n") == 1
    got, out, err = typed(*words, "--json")
    assert (got, err) == (code, "")
    assert json.loads(out)["exit_code"] == code


def test_options_from_a_file_give_way_to_typed_ones(typed: Any, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('preset = "hq"\nloop = "cut"\nthreads = 3\n', "utf-8")
    code, out, _ = typed(
        "run", "face.mp4", "speech.wav", "-o", "o.mp4", "--config", "c.toml", "--threads", "1", "--json"
    )
    assert code == 0
    assert (typed.loaded[0].preset, typed.loaded[0].threads) == ("hq", 1)
    (tmp_path / "c.toml").write_text('presett = "hq"\n', "utf-8")
    code, _, err = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4", "--config", "c.toml")
    assert code == 2
    assert "presett" in err


def test_without_a_word_it_says_how(typed: Any) -> None:
    code, out, err = typed()
    assert code == 2
    assert "Usage" in out + err


def test_tracks_are_chosen_and_said(typed: Any, tmp_path: Path) -> None:
    plain, default = av.stream.Disposition(0), av.stream.Disposition.default
    write_tracks(tmp_path / "two.mkv", [(160, 120, plain), (*SIZE, default)], [(500, plain), (900, default)])
    code, out, err = typed("run", "two.mkv", "two.mkv", "-o", "o.mp4")
    assert (code, err) == (0, "")
    assert out.endswith("; pictures: track 2 of 2; sound: track 2 of 2\n")
    assert "320x240" in out
    code, out, err = typed("run", "two.mkv", "two.mkv", "-o", "o.mp4", "--audio-track", "1")
    assert out.endswith("; pictures: track 2 of 2; sound: track 1 of 2\n")
    code, out, err = typed("run", "two.mkv", "two.mkv", "-o", "o.mp4", "--video-track", "3")
    assert (code, out, err.count("\n")) == (3, "", 1)


def test_transparency_is_said(typed: Any, tmp_path: Path) -> None:
    picture = np.full((SIZE[1], SIZE[0], 4), 90, np.uint8)
    (tmp_path / "cut.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    code, out, err = typed("run", "cut.png", "speech.wav", "-o", "o.mp4")
    assert (code, err) == (0, "")
    assert out.endswith("; transparent parts are laid on white\n")
    code, out, _ = typed("run", "cut.png", "speech.wav", "-o", "o.mp4", "--background", "#204060")
    assert (code, out.endswith("; transparent parts are laid on #204060\n")) == (0, True)
    assert typed("run", "cut.png", "speech.wav", "-o", "o.mp4", "--background", "#2040")[0] == 2


def test_a_photo_that_is_scaled_keeps_its_box_and_says_so(typed: Any, tmp_path: Path) -> None:
    write_still(tmp_path / "large.jpg", np.full((4000, 6000, 3), 90, np.uint8))
    words = ["large.jpg", "-o", "a", "--box", "1500,1000,3000,2500"]
    assert typed("prepare", *words)[0] == 0
    left, top, right, bottom = le.load_avatar("a").faces[0, :4]
    assert (left, top, right, bottom) == pytest.approx([480, 320, 960, 800], abs=2)  # 1920 at most
    code, out, err = typed("run", "large.jpg", "speech.wav", "-o", "o.mp4", "--end", "0.1", *words[3:])
    assert (code, err) == (0, "")
    assert "3526x2350" in out
    assert out.endswith("; the still was 6000x4000, larger than what players take\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, code: int) -> None:
    face, speech = (
        write_clip(tmp_path / "face.mp4", 30, size=(640, 480)),
        write_sound(tmp_path / "speech.wav", 300.0),
    )
    code_of_main = "from tests.cli.on_numpy import main_on_numpy; main_on_numpy()"
    command = [
        sys.executable,
        "-c",
        code_of_main,
        "run",
        str(face),
        str(speech),
        "-o",
        str(tmp_path / "o.mp4"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True)
    deadline = time.monotonic() + 60
    while not any("partial" in path.name and path.stat().st_size for path in tmp_path.iterdir()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.mp4", "speech.wav"]


def test_networks_are_measured_beside_a_run_and_not_before_its_first_frame(
    typed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    real = VideoWriter.patch

    @contextmanager
    def beside(preset: str, names: tuple[str, ...]) -> Iterator[None]:
        told.append(f"measuring {' '.join(names)}")
        yield
        told.append("measured")

    def made(*frame: Any) -> Any:
        told.append("frame")
        return real(*frame)

    monkeypatch.setattr(tuner, "in_background", beside)
    monkeypatch.setattr(stage_times, "missing", lambda options: ("edge_lips",))
    monkeypatch.setattr(VideoWriter, "patch", made)
    assert typed("run", "face.mp4", "speech.wav", "-o", "out.mp4", "-q")[0] == 0
    first = told.index("measuring edge_lips")
    assert first > 0
    assert "frame" in told[:first]
    assert "frame" in told[first:]
    assert told[-1] == "measured"
    assert told.count("measuring edge_lips") == 1
