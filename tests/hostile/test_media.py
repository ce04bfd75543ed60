"""Damaged media through the command line: one line and an exit code, or a result; never anything else."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import pytest

from lipsync_edge.batch.storage import WORK_FOLDER
from lipsync_edge.video.reader import VideoReader
from tests.hostile.forked import Forks, forks
from tests.hostile.mutate import mutated
from tests.hostile.runs import MOST_MB, Case, damaged, done, exploding
from tests.hostile.seeds import seeds

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are forked as on Linux")

Media = tuple[dict[str, bytes], dict[str, bytes]]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    return seeds(tmp_path_factory.mktemp("seeds"))


@pytest.fixture(scope="module")
def on_numpy() -> Iterator[Forks]:
    with forks() as made:
        yield made


def check(cases: Iterator[Case], run: Forks, folder: Path) -> None:
    faults = []
    for number, case in enumerate(cases):
        faults += done(case, run, folder / str(number))[1]
    assert not faults, "\n".join(f"{one.kind}: {one.case}: {one.said}" for one in faults)


def test_what_is_whole_is_done(media: Media, on_numpy: Forks, tmp_path: Path) -> None:
    """Else the tests below would pass with nothing but refusals."""
    for name, data in media[0].items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(data)
        (folder / "speech.wav").write_bytes(media[1]["speech.wav"])
        ended = on_numpy("run", name, "speech.wav", "-o", "out.mp4", "--device", "cpu", "-q", folder=folder)
        assert (ended.code, ended.err) == (0, ""), name


def test_thirty_damaged_files(media: Media, on_numpy: Forks, tmp_path: Path) -> None:
    check(damaged(*media, 30, seed=1), on_numpy, tmp_path)


def test_small_files_that_claim_to_be_huge(media: Media, on_numpy: Forks, tmp_path: Path) -> None:
    check(exploding(*media, tmp_path), on_numpy, tmp_path)


def test_live_eval_and_mark_check_on_damaged_files(media: Media, on_numpy: Forks, tmp_path: Path) -> None:
    codes = set()
    for number, case in enumerate(damaged(*media, 5, seed=79)):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, data in case.files.items():
            (folder / name).write_bytes(data)
        face, sound = case.files
        for words in (
            ("live", "--avatar", face, "--audio", sound, "--out", "o.ts"),
            ("eval", face),
            ("mark", "check", case.name.split()[0]),
        ):
            ended = on_numpy(*words, folder=folder)
            codes.add((words[0], ended.code))
            ours = all(line.startswith(("lipsync-edge: expected ", "{")) for line in ended.err.splitlines())
            assert ours, (case.name, words, ended.err)
            assert ended.code in (0, 3) or (words[0], ended.code) == ("mark", 1), (case.name, words, ended)
    assert {("live", 0), ("live", 3), ("eval", 0), ("eval", 3)} <= codes


def avatar(faces: Mapping[str, bytes], run: Forks, folder: Path) -> bytes:
    folder.mkdir()
    (folder / "h264.mp4").write_bytes(faces["h264.mp4"])
    assert run("prepare", "h264.mp4", "-o", "a.avatar", folder=folder).code == 0
    return (folder / "a.avatar").read_bytes()


def test_live_and_serve_with_damaged_avatars(media: Media, on_numpy: Forks, tmp_path: Path) -> None:
    """What `serve` can use brings it as far as its port, which is taken: exit code 5."""
    whole, rng, codes = avatar(media[0], on_numpy, tmp_path / "made"), Random(4), set()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for number in range(10):
            face = "a.avatar" if number % 2 else rng.choice(sorted(media[0]))
            data = whole if face == "a.avatar" else media[0][face]
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / face).write_bytes(mutated(data, rng) if number > 1 else data)
            (folder / "speech.wav").write_bytes(media[1]["speech.wav"])
            port = str(taken.getsockname()[1])
            for words in (
                ("serve", "--avatar", face, "--port", port),
                ("live", "--avatar", face, "--audio", "speech.wav", "--out", "o.mp4"),
            ):
                ended = on_numpy(*words, folder=folder)
                codes.add((words[0], ended.code))
                lines = [line for line in ended.err.splitlines() if not line.startswith("{")]
                assert len(lines) == (ended.code != 0), (face, words, ended.err)
                assert all(line.startswith("lipsync-edge: expected ") for line in lines), (words, ended.err)
                assert ended.peak_mb < MOST_MB
            left = {path.name for path in folder.iterdir()} - {face, "speech.wav"}
            assert left == ({"o.mp4"} if ended.code == 0 else set()), (face, ended)
    assert codes == {("serve", 3), ("serve", 5), ("live", 0), ("live", 3)}


def test_a_batch_of_damaged_files(media: Media, on_numpy: Forks, tmp_path: Path) -> None:
    """Each job ends as `run` does; no worker dies of one, and whole ones beside them are made."""
    count = 24
    rows = ["face,audio,out,end"]
    for number, case in enumerate(damaged(*media, count, seed=5)):
        (tmp_path / str(number)).mkdir()
        face, sound = case.files
        for name, data in {
            **case.files,
            **({face: media[0][face], sound: media[1][sound]} if number < 2 else {}),
        }.items():
            (tmp_path / str(number) / name).write_bytes(data)
        rows.append(f"{number}/{face},{number}/{sound},{number}.mp4,0.4")
    (tmp_path / "jobs.csv").write_text("\n".join(rows))
    words = ("batch", "jobs.csv", "-o", "out", "--workers", "1", "--with", "device=cpu", "--json")
    ended = on_numpy(*words, folder=tmp_path, limit_s=300)
    assert (ended.code, ended.err) == (1, "")
    report = json.loads(ended.out)
    failures = report["failures"]
    assert report["made"] >= 2
    assert report["made"] + len(failures) == count
    assert failures
    assert {one["exit_code"] for one in failures} <= {2, 3, 5}
    assert {one["attempts"] for one in failures} == {1}
    assert all(one["error"].startswith("expected ") for one in failures)
    made = {path.name for path in (tmp_path / "out").iterdir()} - {"results.jsonl", WORK_FOLDER}
    assert made == {f"{number}.mp4" for number in range(count)} - {one["job"] for one in failures}
    assert all(list(VideoReader(tmp_path / "out" / name)) for name in made)
    assert list((tmp_path / "out" / WORK_FOLDER / "scratch").iterdir()) == []
    assert ended.peak_mb < MOST_MB


@pytest.mark.nightly
def test_five_hundred_damaged_files(media: Media, tmp_path: Path) -> None:
    with forks("real") as run:
        check(damaged(*media, 500, seed=2), run, tmp_path)
