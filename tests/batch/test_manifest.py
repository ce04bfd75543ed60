"""Manifests: what they may look like, and every hostile one is one clear error before anything is made."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lipsync_edge.batch.checks import JobChecker
from lipsync_edge.batch.job import BatchJob, Option, Vocabulary
from lipsync_edge.batch.manifest import read_manifest
from lipsync_edge.errors import InputError, LipsyncError, UsageError
from tests.batch.fakes import parse, words


def jobs_of(folder: Path, text: str, name: str = "jobs.csv", **common: str) -> list[BatchJob]:
    (folder / name).write_text(text, "utf-8")
    return JobChecker(folder, words(), common).jobs(read_manifest(folder / name))


def json_lines(*rows: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def test_a_csv_gives_files_and_options_of_run(folder: Path) -> None:
    text = "\ufeffface, audio ,out,loop,--face,crf,detect-every\n"
    text += "face.mp4,speech.wav,a/b.mp4,cut,left,,2\nother.mp4,speech.wav,c.mkv,,,30,\n"
    first, second = jobs_of(folder, text, preset="hq")
    assert (first.face, first.audio, first.out) == (
        str(folder / "face.mp4"),
        str(folder / "speech.wav"),
        "a/b.mp4",
    )
    wishes = parse(first.options)
    assert (wishes.options.loop, wishes.options.face, wishes.options.detect_every) == ("cut", "left", 2)
    assert wishes.engine.preset == "hq"
    assert parse(second.options).options.crf == 30
    assert second.row == 2


def test_json_lines_give_them_too_and_every_kind_of_value(folder: Path) -> None:
    text = json_lines(
        {"face": "face.mp4", "audio": "speech.wav", "out": "a.mp4", "crf": 30, "preset": "lite", "end": 0.5},
        {"face": "face.mp4", "audio": "speech.wav", "out": "b.mp4", "play-audio": "speech.wav", "loop": None},
    )
    first, second = jobs_of(folder, text, "jobs.jsonl", preset="hq")
    assert parse(first.options).options.end == 0.5
    assert parse(first.options).engine.preset == "lite"  # a row goes before what all have in common
    assert parse(second.options).options.play_audio == folder / "speech.wav"
    assert list(second.files) == [str(folder / name) for name in ("face.mp4", "speech.wav", "speech.wav")]


def test_a_folder_of_pairs(folder: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    for name in ("b.mp4", "b.wav", "a.JPG", "a.mp3", ".hidden.mp4", "notes.txt"):
        (pairs / name).write_bytes(b"x")
    jobs = JobChecker(pairs, words()).jobs(read_manifest(pairs))
    assert [(Path(job.face).name, Path(job.audio).name, job.out) for job in jobs] == [
        ("a.JPG", "a.mp3", "a.mp4"),
        ("b.mp4", "b.wav", "b.mp4"),
    ]
    (pairs / "c.wav").write_bytes(b"x")
    with pytest.raises(InputError, match="1 without the other: c"):
        read_manifest(pairs)
    (pairs / "c.mp4").write_bytes(b"x")
    (pairs / "c.mkv").write_bytes(b"x")
    with pytest.raises(InputError, match=r"c\.mkv and c\.mp4"):
        read_manifest(pairs)


def keyed() -> Vocabulary:
    """Words with an option that may be given several times."""
    usual = words()
    return Vocabulary(
        names=usual.names | {"voice", "map", "loud"},
        flags=frozenset({"loud"}),
        files=usual.files,
        keyed=frozenset({"voice", "map"}),
        keyed_files=frozenset({"voice"}),
        parse=lambda options: parse(()),
    )


def test_columns_with_a_key_are_options_that_may_be_given_several_times(folder: Path) -> None:
    path = folder / "jobs.jsonl"
    rows = [
        {
            "face": "face.mp4",
            "out": "a.mp4",
            "voice:left": "speech.wav",
            "voice:right": "once.wav",
            "loud": True,
        },
        {
            "face": "face.mp4",
            "out": "b.mp4",
            "voice": {"0": "speech.wav"},
            "map": ["A=left", "B=right"],
            "loud": "no",
        },
    ]
    path.write_text(json_lines(*rows), "utf-8")
    first, second = JobChecker(folder, keyed()).jobs(read_manifest(path))
    speech, once = str(folder / "speech.wav"), str(folder / "once.wav")
    assert first.audio == ""
    assert set(first.options) == {
        Option("voice", "left=", speech),
        Option("voice", "right=", once),
        Option("loud", ""),
    }
    assert second.options == (
        Option("voice", "0=", speech),
        Option("map", "A=left"),
        Option("map", "B=right"),
    )
    moved = first.with_files(lambda name: f"/elsewhere/{Path(name).name}")
    assert {option.value for option in moved.options} == {
        "left=/elsewhere/speech.wav",
        "right=/elsewhere/once.wav",
        "",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "columns face, audio, out in jobs.csv; got no face, out, audio among none"),
        ("face,out\nface.mp4,a.mp4\n", "got no audio among face, out"),
        ("face,audio\nface.mp4,speech.wav\n", "got no out among face, audio"),
        (
            "face,audio,out,out\nface.mp4,speech.wav,a.mp4,b.mp4\n",
            "every column of jobs.csv once; got out twice",
        ),
        ("face,audio,out\n", "at least one job"),
        ("face,audio,out\nface.mp4,speech.wav\n", "a file in column out in row 1"),
        ("face,audio,out\nface.mp4,,a.mp4\n", "a file in column audio in row 1"),
        ("face,audio,out\nface.mp4,speech.wav,a,b.mp4\n", "3 cells in row 1 of jobs.csv; got 4"),
        ('face,audio,out\nface.mp4,"speech.wav,a.mp4\n', "a CSV file at"),
        ("face,audio,out,tempo\nface.mp4,speech.wav,a.mp4,3\n", "got 'tempo'"),
        ("face,audio,out,report\nface.mp4,speech.wav,a.mp4,/etc/x\n", "got 'report'"),
        ("face,audio,out,loop\nface.mp4,speech.wav,a.mp4,spin\n", "loop"),
        ("face,audio,out,crf\nface.mp4,speech.wav,a.mp4,low\n", "crf"),
        ("face,audio,out,codec\nface.mp4,speech.wav,a.webm,h264\n", "a codec that .webm takes"),
        ("face,audio,out\nface.mp4,speech.wav,a.avi\n", "an output name ending in"),
        ("face,audio,out\nface.mp4,speech.wav,../a.mp4\n", "an output inside the output folder in row 1"),
        ("face,audio,out\nface.mp4,speech.wav,/tmp/a.mp4\n", "an output inside the output folder in row 1"),
        ("face,audio,out\nface.mp4,speech.wav,.lipsync-batch/a.mp4\n", "an output outside .lipsync-batch"),
        ("face,audio,out\n/etc/hostname,speech.wav,a.mp4\n", "a file inside"),
        ("face,audio,out\nfile:///etc/hostname,speech.wav,a.mp4\n", "got /etc/hostname"),
        ("face,audio,out\nface.mp4,simplecache::local:///etc/x.wav,a.mp4\n", "a file inside"),
        ("face,audio,out\nzip://a.mp4::/etc/x.zip,speech.wav,a.mp4\n", "a file inside"),
        ("face,audio,out\nzip://a.mp4::file://../x.zip,speech.wav,a.mp4\n", "a file inside"),
        ("face,audio,out\n../secret.mp4,speech.wav,a.mp4\n", "a file inside"),
        ("face,audio,out,play-audio\nface.mp4,speech.wav,a.mp4,/etc/hostname\n", "a file inside"),
        ("face,audio,out,--face\nface.mp4,speech.wav,a.mp4,/etc/who.jpg\n", "a file inside"),
        ("face,audio,out\nnobody.mp4,speech.wav,a.mp4\n", "no such file"),
        ("face,audio,out\nface.mp4,.,a.mp4\n", "a folder"),
        ("face,audio,out\nface.mp4,speech.wav,a.mp4\nface.mp4,speech.wav,A.mp4\n", "got A.mp4, as row 1"),
        ("face,audio,out\nface.mp4,speech.wav,a.mp4\nface.mp4,speech.wav,b/../a.mp4\n", "as row 1"),
        (
            "face,audio,out\nface.mp4,speech.wav,A.mp4\nface.mp4,speech.wav,a.mp4/b.mp4\n",
            "an output in a folder in row 2; got a.mp4/b.mp4 inside a.mp4, the output of row 1",
        ),
        (f"face,audio,out\nface.mp4,speech.wav,{'ä' * 140}.mp4\n", "at most 255 bytes in an output in row 1"),
        ("face,audio,out\n" + "no.mp4,speech.wav,a.mp4\n" * 9, "9 of 9 that cannot: row 1: expected a file"),
    ],
    ids=lambda value: value[-40:] if isinstance(value, str) else "",
)
def test_a_hostile_csv_is_one_clear_line(folder: Path, text: str, said: str) -> None:
    with pytest.raises(LipsyncError) as caught:
        jobs_of(folder, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "a JSON object in line 1 of jobs.jsonl"),
        ("[1]\n", "got list"),
        ('\n{"face": 3, "audio": "speech.wav", "out": "a.mp4"}', "a file in column face"),
        ('{"face": "face.mp4", "audio": ["speech.wav"], "out": "a.mp4"}', "a file in column audio"),
        ('{"face": "face.mp4", "audio": "speech.wav", "out": "a.mp4", "crf": [3]}', "one value for crf"),
        ('{"face": "face.mp4\\u0000", "audio": "speech.wav", "out": "a.mp4"}', "the name of a file"),
    ],
)
def test_hostile_json_lines(folder: Path, text: str, said: str) -> None:
    with pytest.raises(LipsyncError) as caught:
        jobs_of(folder, text, "jobs.jsonl")
    assert said in str(caught.value)


def test_urls_are_left_as_they_are_and_those_of_this_machine_lie_inside_too(folder: Path) -> None:
    names = [
        f"file://{folder}/face.mp4",
        "s3://films/a.mp4",
        "simplecache::https://x.y/a.mp4",
        "memory://a.mp4",
    ]
    rows = "".join(f"{name},speech.wav,{i}.mp4\n" for i, name in enumerate(names))
    assert [job.face for job in jobs_of(folder, f"face,audio,out\n{rows}")] == names


def test_other_files_and_other_encodings(folder: Path) -> None:
    for name in ("none.csv", "none.txt", "none"):
        with pytest.raises(InputError, match="nothing at"):
            read_manifest(folder / name)
    with pytest.raises(UsageError, match=r"got face\.mp4"):
        read_manifest(folder / "face.mp4")
    (folder / "jobs.csv").write_bytes("face,audio,out\nä.mp4,b,c\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        read_manifest(folder / "jobs.csv")


def test_ten_thousand_rows(folder: Path) -> None:
    rows = "".join(f"face.mp4,speech.wav,{i}.mp4,{i % 40}\n" for i in range(10_000))
    (folder / "jobs.csv").write_text(f"face,audio,out,crf\n{rows}", "utf-8")
    parsed: list[object] = []
    counting = replace(words(), parse=lambda options: parsed.append(options) or parse(options))
    assert len(JobChecker(folder, counting).jobs(read_manifest(folder / "jobs.csv"))) == 10_000
    assert len(parsed) == 40  # options that are alike are parsed once
    rows = "".join(f"none{i}.mp4,speech.wav,{i}.mp4\n" for i in range(10_000))
    with pytest.raises(InputError, match=r"10000 of 10000 that cannot: .* and 9997 more"):
        jobs_of(folder, f"face,audio,out\n{rows}")
