"""The command `batch`: what it says, its exit codes, what rows may give."""

import json
from pathlib import Path
from typing import Any

import pytest

from lipsync_edge.batch import run as batch_run
from lipsync_edge.batch.driver import State
from lipsync_edge.batch.job import Option
from lipsync_edge.batch.results import DONE, Outcome
from lipsync_edge.batch.run import BatchOptions
from lipsync_edge.cli.batch import checked_jobs, parse_row, telling_interrupts, vocabulary
from lipsync_edge.errors import UsageError
from tests.batch.fakes import load
from tests.cli.conftest import Typed


@pytest.fixture(autouse=True)
def on_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    class OnNumpy(BatchOptions):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options, load=load)

    monkeypatch.setattr(batch_run, "BatchOptions", OnNumpy)


def manifest(tmp_path: Path, *rows: str, columns: str = "face,audio,out") -> None:
    (tmp_path / "jobs.csv").write_text("\n".join([columns, *rows]), "utf-8")


def test_it_says_what_it_did_and_names_failures(typed: Typed, tmp_path: Path) -> None:
    manifest(tmp_path, "face.mp4,speech.wav,a.mp4", "face.mp4,face.mp4,b.mp4", "speech.wav,speech.wav,c.mp4")
    code, out, err = typed("batch", "jobs.csv", "-o", "out", "--workers", "1")
    assert code == 1
    assert out.startswith("out: 1 of 3 jobs made, 2 failed; 13 frames in ")
    assert out.endswith("1 worker (as asked)\n")
    table = err.splitlines()
    assert table[0].split() == ["row", "output", "code", "tries", "error"]
    assert [line.split()[:4] for line in table[1:]] == [["2", "b.mp4", "3", "1"], ["3", "c.mp4", "3", "1"]]
    manifest(tmp_path, "face.mp4,speech.wav,a.mp4")
    assert typed("batch", "jobs.csv", "-o", "out", "--workers", "1") == (
        0,
        "out: 0 of 1 jobs made, 1 were already there\n",
        "",
    )


def test_json_and_quiet(typed: Typed, tmp_path: Path) -> None:
    manifest(tmp_path, "face.mp4,speech.wav,a.mp4")
    code, out, err = typed("batch", "jobs.csv", "-o", "out", "--workers", "1", "--json", "--with", "crf=30")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["jobs"], report["made"], report["frames"], report["failures"]) == (1, 1, 13, [])
    assert typed("batch", "jobs.csv", "-o", "out", "-q") == (0, "", "")


def test_check_makes_nothing(typed: Typed, tmp_path: Path) -> None:
    manifest(tmp_path, "face.mp4,speech.wav,a.mp4")
    assert typed("batch", "jobs.csv", "-o", "out", "--check") == (
        0,
        "jobs.csv: 1 jobs that can be made\n",
        "",
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none.csv", "-o", "out"], 3, "nothing at none.csv"),
        (["jobs.csv"], 2, "output"),
        (["jobs.csv", "-o", "out", "--workers", "many"], 2, "auto or a number"),
        (["jobs.csv", "-o", "out", "--workers", "0"], 2, "from 1 to 1024 workers"),
        (["jobs.csv", "-o", "out", "--with", "crf"], 2, "OPTION=VALUE"),
        (["jobs.csv", "-o", "out", "--with", "tempo=3"], 2, "'tempo'"),
        (["jobs.csv", "-o", "out", "--root", "elsewhere"], 2, "a file inside"),
        (["jobs.csv", "-o", "speech.wav"], 5, "an output folder"),
        (["jobs.csv", "-o", "out", "--with", "preset=wav2lip"], 4, "s3fd.fp32.onnx"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_error_is_one_line(typed: Typed, tmp_path: Path, words: list[str], code: int, said: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    manifest(tmp_path, f"{tmp_path}/face.mp4,{tmp_path}/speech.wav,a.mp4")
    got, out, err = typed("batch", *words)
    assert (got, out, err.count("\n")) == (code, "", 1)
    assert said in err
    assert not list(tmp_path.rglob("a.mp4"))


def test_rows_may_give_every_option_of_run_that_makes_sense_there() -> None:
    known = vocabulary()
    assert {
        "preset",
        "device",
        "face",
        "box",
        "loop",
        "start",
        "end",
        "pads",
        "crf",
        "mouth",
        "strength",
    } <= known.names
    assert (
        not {"output", "out", "report", "json", "as-json", "quiet", "config", "cache", "source", "audio"}
        & known.names
    )
    assert {"play-audio", "speakers", "sign-cert"} <= known.files
    assert known.folders == {"models"}
    assert known.flags == {"no-mark"}
    assert (known.keyed, known.keyed_files) == ({"voice", "map"}, {"voice"})
    assert known.keyed <= known.names


def test_voices_of_several_people_are_columns(typed: Typed, tmp_path: Path) -> None:
    manifest(tmp_path, "face.mp4,a.mp4,speech.wav,speech.wav", columns="face,out,voice:left,voice:right")
    (job,) = checked_jobs(tmp_path / "jobs.csv", None, ("models=here", "play-audio=speech.wav"))
    speech = tmp_path / "speech.wav"
    wishes = parse_row(job.options)
    assert wishes.options.voices == {"left": speech, "right": speech}
    assert (job.audio, wishes.options.play_audio, wishes.engine.models) == ("", speech, tmp_path / "here")
    manifest(tmp_path, "face.mp4,a.mp4,../speech.wav", columns="face,out,voice:left")
    with pytest.raises(UsageError, match="a file inside"):
        checked_jobs(tmp_path / "jobs.csv", None, ())
    manifest(tmp_path, "face.mp4,speech.wav,a.mp4,speech.wav", columns="face,audio,out,voice:left")
    with pytest.raises(
        UsageError, match="either a file in column audio or columns voice:WHO in row 1; got both"
    ):
        checked_jobs(tmp_path / "jobs.csv", None, ())


def test_rows_are_parsed_as_run_parses() -> None:
    wishes = parse_row(
        (Option("pads", "1,2,3,4"), Option("box", "-1,2,3,4"), Option("play-audio", "", "a b.wav"))
    )
    assert wishes.options.pads == (1, 2, 3, 4)
    assert wishes.options.box_xyxy == (-1, 2, 3, 4)
    assert wishes.options.play_audio == Path("a b.wav")
    with pytest.raises(UsageError, match="crf"):
        parse_row((Option("crf", "low"),))
    with pytest.raises(UsageError, match="strength"):
        parse_row((Option("strength", "7"),))


def test_an_interrupt_tells_how_many_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[State] = []

    def interrupted() -> None:
        with telling_interrupts(6, seen.append) as watch:
            watch(State(4, outcomes=[Outcome(job="a.mp4", row=3, state=DONE)]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(seen) == 1
    assert "3 of 6 jobs made; the same command makes the others" in capsys.readouterr().err
