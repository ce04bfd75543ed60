"""`prepare`: the options that its hints name reach the avatar."""

from pathlib import Path

import pytest

import lipsync_edge as le
from tests.cli.conftest import Typed


def test_it_says_what_it_made(typed: Typed) -> None:
    code, out, err = typed("prepare", "face.mp4", "-o", "a.avatar", "--preset", "hq", "--threads", "2")
    assert (code, err) == (0, "")
    assert out == "a.avatar: 15 frames 320x240, 0.6 s\n"
    assert (typed.loaded[0].preset, typed.loaded[0].threads) == ("hq", 2)


def test_a_part_is_taken(typed: Typed) -> None:
    assert typed("prepare", "face.mp4", "-o", "a", "--start", "0.2", "--seconds", "0.2")[0] == 0
    assert len(le.load_avatar("a")) == 5


def test_box_and_pads_are_taken(typed: Typed, tmp_path: Path) -> None:
    assert typed("prepare", "face.mp4", "-o", "box", "--box", "100,60,200,180")[0] == 0
    assert le.load_avatar("box").faces[0, :4].tolist() == [100.0, 60.0, 200.0, 180.0]
    plain, padded = tmp_path / "plain", tmp_path / "padded"
    assert typed("prepare", "face.mp4", "-o", str(plain))[0] == 0
    assert typed("prepare", "face.mp4", "-o", str(padded), "--pads", "1,2,3,4")[0] == 0
    difference = le.load_avatar(padded).faces[0, :4] - le.load_avatar(plain).faces[0, :4]
    assert difference.tolist() == pytest.approx([-3, -1, 4, 2])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--seconds", "0"], 2),
        (["--start", "-1"], 2),
        (["--box", "1,2,3"], 2),
        (["--pads", "1,2"], 2),
        (["--face", "tallest"], 2),
        (["--face", "none.jpg"], 3),
        (["--config", "none.toml"], 2),
    ],
)
def test_a_wrong_option_is_one_line(typed: Typed, words: list[str], code: int) -> None:
    got, out, err = typed("prepare", "face.mp4", "-o", "a", *words)
    assert (got, out) == (code, "")
    assert err.count("\n") == 1
    assert not Path("a").exists()
