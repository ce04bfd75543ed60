"""Damaged media through the command line: one line and an exit code, or a result; never anything else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.forked import Forks, forks
from tests.hostile.runs import Case, damaged, done, exploding
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


def test_forty_damaged_files(media: Media, on_numpy: Forks, tmp_path: Path) -> None:
    check(damaged(*media, 40, seed=1), on_numpy, tmp_path)


def test_small_files_that_claim_to_be_huge(media: Media, on_numpy: Forks, tmp_path: Path) -> None:
    check(exploding(*media, tmp_path), on_numpy, tmp_path)


def test_live_eval_and_mark_check_on_damaged_files(media: Media, on_numpy: Forks, tmp_path: Path) -> None:
    codes = set()
    for number, case in enumerate(damaged(*media, 8, seed=78)):
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


@pytest.mark.nightly
def test_five_hundred_damaged_files(media: Media, tmp_path: Path) -> None:
    with forks("real") as run:
        check(damaged(*media, 500, seed=2), run, tmp_path)
