"""What is read is never what is written, by whatever name; and numbers are numbers."""

import os
from pathlib import Path

import pytest

import lipsync_edge as le
from lipsync_edge.errors import UsageError
from lipsync_edge.pipeline.prepare import PrepareOptions
from tests.cli.conftest import Typed
from tests.scripted import make_engine

READ = {"face.mp4", "speech.wav", "turns.json", "old.json"}


@pytest.mark.parametrize("way", ["as it is", "by a link", "by another way"])
@pytest.mark.parametrize(
    "words",
    [
        "run face.mp4 speech.wav -o face.mp4",
        "run face.mp4 speech.wav -o o.mp4 --report face.mp4",
        "run face.mp4 speech.wav -o o.mp4 --report speech.wav",
        "run face.mp4 speech.wav -o o.mp4 --speakers turns.json --report turns.json",
        "run face.mp4 --voice left=speech.wav -o o.mp4 --report speech.wav",
        "run face.mp4 speech.wav -o o.mp4 --report o.mp4",
        "prepare face.mp4 -o face.mp4",
        "live --avatar face.mp4 --audio speech.wav --out face.mp4",
        "live --avatar face.mp4 --audio speech.wav --format raw --out speech.wav",
        "eval face.mp4 -o face.mp4",
        "eval face.mp4 --audio speech.wav -o speech.wav",
        "eval face.mp4 --report r.html -o r.html",
        "batch old.json -o out --results old.json",
        "bench -o old.json --baseline old.json",
    ],
)
def test_an_output_that_is_an_input_is_refused_and_both_are_kept(
    typed: Typed, tmp_path: Path, words: str, way: str
) -> None:
    (tmp_path / "turns.json").write_text('{"turns": []}')
    (tmp_path / "old.json").write_text("{}")
    before = {name: (tmp_path / name).read_bytes() for name in READ}
    *others, last = words.replace(
        "-o old.json --baseline old.json", "--baseline old.json -o old.json"
    ).split()
    if way == "by a link":
        link = f"link{Path(last).suffix}"
        (tmp_path / link).symlink_to(last)
        last = link
    elif way == "by another way":
        last = f"{tmp_path}/./{last}"
    code, out, err = typed(*others, last)
    said = [line for line in err.splitlines() if not line.startswith("{")]
    assert (code, len(said)) == (2, 1), err
    assert "expected an output that is none of the inputs" in said[0]
    assert {name: (tmp_path / name).read_bytes() for name in READ} == before
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX has pipes with names")
def test_a_video_is_not_written_over_a_pipe(typed: Typed, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "o.mp4")
    code, _, err = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4")
    assert (code, err.count("\n")) == (5, 1)
    assert "a pipe or a device; live --out streams into one" in err
    assert (tmp_path / "o.mp4").is_fifo()


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "NaN"])
@pytest.mark.parametrize(
    "words",
    [
        "run face.mp4 speech.wav -o o.mp4 --start",
        "run face.mp4 speech.wav -o o.mp4 --end",
        "run face.mp4 speech.wav -o o.mp4 --strength",
        "run face.mp4 speech.wav -o o.mp4 --label-size",
        "prepare face.mp4 -o a --start",
        "prepare face.mp4 -o a --seconds",
        "live --avatar face.mp4 --audio speech.wav --out o.mp4 --fps",
        "live --avatar face.mp4 --audio speech.wav --out o.mp4 --watchdog-s",
        "serve --avatar face.mp4 --watchdog-s",
        "eval face.mp4 --seconds",
        "bench --seconds",
        "batch jobs.csv -o out --split",
    ],
)
def test_what_is_no_number_is_refused(typed: Typed, tmp_path: Path, words: str, value: str) -> None:
    (tmp_path / "jobs.csv").write_text("face,audio,out\nface.mp4,speech.wav,a.mp4\n")
    *others, option = words.split()
    code, out, err = typed(*others, f"{option}={value}")
    assert (code, out, err.count("\n")) == (2, "", 1), err


def test_rows_of_a_batch_and_settings_are_held_to_it_too(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text("face,audio,out,end\nface.mp4,speech.wav,a.mp4,nan\n")
    code, _, err = typed("batch", "jobs.csv", "-o", "out", "--check")
    assert (code, err.count("\n")) == (2, 1)
    (tmp_path / "c.toml").write_text("end = nan\n")
    code, _, err = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4", "--config", "c.toml")
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_so_is_the_library(tmp_path: Path, value: float) -> None:
    for more in (
        {"start": value},
        {"end": value},
        {"strength": value},
        {"label_size": value, "label": "top-left"},
    ):
        with pytest.raises(UsageError):
            le.RunOptions(**more)
    with pytest.raises(UsageError):
        make_engine().prepare(tmp_path / "x.mp4", options=PrepareOptions(start=value))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("eval face.mp4 --report r.xyz", 2, "a name ending in .html, .htm, .png, .pdf, .svg; got r.xyz"),
        ("eval face.mp4 --report none/r.html", 5, "the folder"),
        ("bench --plot r.xyz", 2, "a name ending in .png, .pdf, .svg; got r.xyz"),
        ("bench --plot none/r.png", 5, "the folder"),
        (
            "prepare face.mp4 -o a --start 9",
            3,
            "pictures from second 9 on in face.mp4; got a film that ends before",
        ),
    ],
)
def test_what_cannot_be_written_is_told_before_work_begins(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, words: str, code: int, said: str
) -> None:
    for work in ("lipsync_edge.eval.evaluate.evaluate", "lipsync_edge.bench.benchmark.benchmark"):
        monkeypatch.setattr(work, lambda *_: pytest.fail("it began"))
    got, out, err = typed(*words.split())
    assert (got, out, err.count("\n")) == (code, "", 1)
    assert said in err
