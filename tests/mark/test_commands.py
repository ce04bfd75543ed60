"""Marks on the command line: `run`, `live` and `eval` mark what they make; `mark check` says what it finds."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.errors import OutputError
from lipsync_edge.eval.evaluate import Evaluation
from lipsync_edge.eval.marking import StillMark
from lipsync_edge.eval.report import report
from lipsync_edge.live.options import LiveOptions
from lipsync_edge.live.run import run_live
from lipsync_edge.mark import apply
from lipsync_edge.mark.check import check_marks
from lipsync_edge.mark.options import MarkOptions
from tests.cli.conftest import typed  # noqa: F401  (a fixture)
from tests.clips import write_clip, write_sound
from tests.live.fakes import open_stream, speech
from tests.mark.people import Newsroom
from tests.video.test_writer import as_opencv_reads


def test_run_marks_and_check_tells(typed: Any, tmp_path: Path) -> None:  # noqa: F811
    code, out, err = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4", "--report", "r.json")
    assert (code, err) == (0, "")
    assert "marked as AI in metadata and a C2PA manifest" in out
    assert "not a trusted one" in out
    told = json.loads((tmp_path / "r.json").read_text())["mark"]
    assert (told["layers"], told["trusted"], told["failure"]) == (["metadata", "c2pa"], False, "")
    code, out, err = typed("mark", "check", "o.mp4")
    assert (code, err) == (0, "")
    assert out.startswith("o.mp4: marked as made with AI\n")
    for words in (
        "trusted by no list given",
        "c2pa.edited",
        "changed at seconds",
        "made of face.mp4 (parentOf)",
    ):
        assert words in out
    code, out, err = typed("mark", "check", "o.mp4", "--json")
    found = json.loads(out)
    assert (code, found["marked"], found["intact"]) == (0, True, True)
    assert {layer["kind"] for layer in found["layers"]} == {"metadata", "c2pa"}


def test_no_mark_is_said_in_the_report(typed: Any, tmp_path: Path) -> None:  # noqa: F811
    code, out, _ = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4", "--no-mark", "--report", "r.json")
    assert code == 0
    assert "; not marked, as asked" in out
    told = json.loads((tmp_path / "r.json").read_text())["mark"]
    assert (told["layers"], told["said"]) == ([], "not marked, as asked")
    assert typed("mark", "check", "o.mp4")[0] == 1
    assert typed("mark", "check", "o.mp4")[1] == "o.mp4: no mark\n"
    assert typed("mark", "check", "nothing.mp4")[0] == 3


def test_keys_come_from_a_config_too(typed: Any, tmp_path: Path) -> None:  # noqa: F811
    people = Newsroom(tmp_path)
    (tmp_path / "c.toml").write_text('sign-cert = "cert.pem"\nsign-key = "key.pem"\n')
    code, out, _ = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4", "--config", "c.toml")
    assert code == 0
    assert "signed by Newsroom" in out
    assert "trusted; signed by Newsroom" in typed("mark", "check", "o.mp4", "--trust", str(people.root))[1]
    code, _, err = typed("run", "face.mp4", "speech.wav", "-o", "p.mp4", "--sign-cert", "cert.pem")
    assert (code, "both or neither" in err) == (2, True)
    assert not (tmp_path / "p.mp4").exists()


def test_a_mark_that_fails_gives_5_and_keeps_the_video(
    typed: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> int:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(apply, "sign", fails)
    code, out, err = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4")
    assert (code, err.count("\n")) == (5, 1)
    assert "broken on purpose" in err
    assert "the video itself is whole" in err
    assert "not marked in full" in out
    assert len(as_opencv_reads(tmp_path / "o.mp4")[1]) == 13
    code, out, err = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4", "--json")
    assert (code, err, "broken on purpose" in json.loads(out)["mark"]["failure"]) == (5, "", True)


def test_marks_that_do_not_hold_are_told_apart(typed: Any, tmp_path: Path) -> None:  # noqa: F811
    typed("run", "face.mp4", "speech.wav", "-o", "o.mp4")
    data = bytearray((tmp_path / "o.mp4").read_bytes())
    data[data.index(b"mdat") + 30] ^= 1
    (tmp_path / "o.mp4").write_bytes(data)
    code, out, _ = typed("mark", "check", "o.mp4")
    assert code == 1
    assert out.startswith("o.mp4: marks that do not hold\n")
    assert "assertion.bmffHash.mismatch" in out
    Newsroom(tmp_path).publish(write_clip(tmp_path / "camera.mp4", 3), "video/mp4")
    code, out, _ = typed("mark", "check", "camera.mp4")
    assert (code, out.splitlines()[0]) == (1, "camera.mp4: marked, but not as made with AI")


@pytest.mark.parametrize(("name", "layers"), [("o.mp4", {"metadata", "c2pa"}), ("o.ts", {"metadata"})])
def test_live_marks_its_file(tmp_path: Path, name: str, layers: set[str]) -> None:
    sound = write_sound(tmp_path / "s.wav", 1.0)
    options = LiveOptions(audio=str(sound), out=str(tmp_path / name), label="top-left", label_size=20)
    assert run_live(options, open_stream(), io.BytesIO(), io.BytesIO()) == 0
    found = check_marks(tmp_path / name)
    assert found.marked
    assert {layer.kind for layer in found.layers} == layers
    if "c2pa" in layers:
        assert found.layers[0].segments
        assert [one["title"] for one in found.layers[0].ingredients] == ["voice.wav"]
    frames = as_opencv_reads(tmp_path / name)[1]
    assert len(frames) >= 24
    assert all((frame[8:32, 8:40] > 200).all(axis=2).mean() > 0.05 for frame in frames)  # the label
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_live_without_marks_has_none(tmp_path: Path) -> None:
    options = LiveOptions(out=str(tmp_path / "o.mp4"), mark=MarkOptions(wanted=False))
    run_live(options, open_stream(), io.BytesIO(to_int16(speech(0.5)).tobytes()), io.BytesIO())
    assert check_marks(tmp_path / "o.mp4").layers == ()


def test_live_says_when_its_file_could_not_be_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> int:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(apply, "sign", fails)
    options = LiveOptions(out=str(tmp_path / "o.mp4"))
    with pytest.raises(OutputError, match="broken on purpose"):
        run_live(options, open_stream(), io.BytesIO(to_int16(speech(0.5)).tobytes()), io.BytesIO())
    assert as_opencv_reads(tmp_path / "o.mp4")[1]


@pytest.mark.parametrize("name", ["p.html", "p.png", "p.svg", "p.pdf"])
def test_pages_of_eval_are_marked(tmp_path: Path, name: str) -> None:
    if not name.endswith("html"):
        pytest.importorskip("matplotlib")
    found = Evaluation(
        metrics={"psnr_frame": 40.0}, curves={"time": [0.0, 0.1], "opening": [0.1, 0.2]}, frames=2
    )
    mark = StillMark.of(MarkOptions(), write_clip(tmp_path / "made.mp4", 3))
    told = report(found, tmp_path / name, "made.mp4", mark)
    assert (told.layers, told.failure) == (
        (("metadata", "c2pa"), "") if name[2:] != "html" else (("metadata",), "")
    )
    assert check_marks(tmp_path / name).marked
    assert StillMark.of(MarkOptions(wanted=False), tmp_path / "made.mp4") is None
    assert report(found, tmp_path / name, "made.mp4").layers == ()
    assert not check_marks(tmp_path / name).layers
