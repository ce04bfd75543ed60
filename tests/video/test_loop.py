"""A face that lasts: the order of frames and their times, for every kind of loop."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from lipsync_edge.video.loop import endless_frames
from lipsync_edge.video.probe import STILL_FPS, probe
from tests.clips import number, scene, write_clip, write_still


def shown(path: Path, loop: str, count: int) -> tuple[list[int], list[Fraction]]:
    frames = list(islice(endless_frames(path, probe(path), loop), count))  # type: ignore[arg-type]
    return [number(frame.image_bgr) for frame in frames], [frame.time for frame in frames]


def test_ping_pong_shows_both_ends_once_a_turn(tmp_path: Path) -> None:
    order, times = shown(write_clip(tmp_path / "a.mp4", 4), "pingpong", 14)
    assert order == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert times == [Fraction(i, 25) for i in range(14)]


def test_repeat_begins_again(tmp_path: Path) -> None:
    order, times = shown(write_clip(tmp_path / "a.mp4", 4, fps=Fraction(30_000, 1001)), "repeat", 10)
    assert order == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert times == [i * Fraction(1001, 30_000) for i in range(10)]


def test_hold_keeps_the_last_frame(tmp_path: Path) -> None:
    order, times = shown(write_clip(tmp_path / "a.mp4", 3), "hold", 7)
    assert order == [0, 1, 2, 2, 2, 2, 2]
    assert times == [Fraction(i, 25) for i in range(7)]


def test_cut_ends(tmp_path: Path) -> None:
    order, times = shown(write_clip(tmp_path / "a.mp4", 3), "cut", 7)
    assert order == [0, 1, 2]
    assert len(times) == 3


@pytest.mark.parametrize("loop", ["pingpong", "repeat", "hold"])
def test_one_frame_goes_on(tmp_path: Path, loop: str) -> None:
    order, times = shown(write_clip(tmp_path / "a.mp4", 1), loop, 5)
    assert order == [0] * 5
    assert times == [Fraction(i, 25) for i in range(5)]


def test_varying_times_are_mirrored(tmp_path: Path) -> None:
    pts = [0, 100, 130, 400]
    path = write_clip(tmp_path / "v.mp4", 4, pts=pts, time_base=Fraction(1, 1000))
    order, times = shown(path, "pingpong", 8)
    assert order == [0, 1, 2, 3, 2, 1, 0, 1]
    assert [1000 * time for time in times] == [0, 100, 130, 400, 670, 700, 800, 900]


@pytest.mark.parametrize("loop", ["pingpong", "repeat", "hold", "cut"])
def test_a_still_lasts_whatever_the_loop(tmp_path: Path, loop: str) -> None:
    path = write_still(tmp_path / "a.png", scene())
    frames = list(islice(endless_frames(path, probe(path), loop), 60))  # type: ignore[arg-type]
    assert [frame.time for frame in frames] == [i / STILL_FPS for i in range(60)]
    assert all(np.array_equal(frame.image_bgr, scene()) for frame in frames)
