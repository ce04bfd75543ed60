"""The cache of faces: a second run looks for nothing again, and gives the very same pictures."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync_edge.engine import Engine
from lipsync_edge.errors import OutputError
from lipsync_edge.pipeline.face_cache import FaceCache
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.pipeline.track_memory import Track
from lipsync_edge.types import Boxes
from tests.clips import write_clip, write_sound
from tests.pipeline.test_own_mouth import make_engine, pictures, talking
from tests.scripted import FaceThere


class Moving(FaceThere):
    """A face that wanders with the frames it is asked about; counts how often that is."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __call__(self, frames_bgr: Sequence[Any], side: int = 0) -> list[Boxes]:
        self.calls += len(frames_bgr)
        found = super().__call__(frames_bgr, side)
        shifts = [float(frame[:, :160].mean() % 3) for frame in frames_bgr]
        return [
            Boxes(one.xyxy + np.float32(shift), one.score, one.landmarks + np.float32(shift))
            for one, shift in zip(found, shifts, strict=True)
            if one.landmarks is not None
        ]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "talks.mp4", [talking(i) for i in range(40)])


def run(film: Path, seconds: float, cache: Path | None, **options: Any) -> tuple[list[Any], int]:
    """Pictures of a run whose sound is so long, and how often its detector was asked."""
    engine: Engine = make_engine()
    engine.detector = Moving()
    out = film.with_name("out.mp4")
    speech = write_sound(film.with_name("speech.wav"), seconds)
    engine.run(film, speech, out, options=RunOptions(crf=0, **options), cache=cache)
    return pictures(out), engine.detector.calls


def same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("options", [{}, {"loop": "cut"}, {"mouth": "painted"}, {"start": 0.4, "end": 1.0}])
def test_a_second_run_detects_nothing_and_gives_the_same(film: Path, tmp_path: Path, options: Any) -> None:
    plain, calls = run(film, 1.2, None, **options)
    assert calls > 20
    first, calls_first = run(film, 1.2, tmp_path / "cache", **options)
    second, calls_second = run(film, 1.2, tmp_path / "cache", **options)
    assert same(plain, first)
    assert same(plain, second)
    assert (calls_first, calls_second) == (calls, 0)


def test_a_shorter_sound_plays_the_beginning_and_a_longer_one_tracks_anew(film: Path, tmp_path: Path) -> None:
    run(film, 1.2, tmp_path / "cache", mouth="painted")
    assert run(film, 0.5, tmp_path / "cache", mouth="painted")[1] == 0
    longer, calls = run(film, 2.5, tmp_path / "cache", mouth="painted")  # back and forth
    assert calls > 50
    assert same(longer, run(film, 2.5, None, mouth="painted")[0])
    again, calls = run(film, 2.5, tmp_path / "cache", mouth="painted")
    assert calls == 0
    assert same(longer, again)


def test_a_film_that_was_looked_through_serves_sounds_of_any_length(film: Path, tmp_path: Path) -> None:
    run(film, 0.5, tmp_path / "cache")
    longer, calls = run(film, 2.5, tmp_path / "cache")  # back and forth
    assert calls == 0
    assert same(longer, run(film, 2.5, None)[0])


def test_a_run_that_is_longer_than_its_sound_said_goes_on_tracking(film: Path, tmp_path: Path) -> None:
    from lipsync_edge.pipeline import job

    run(film, 1.0, tmp_path / "cache", mouth="painted")
    plain, _ = run(film, 1.5, None, mouth="painted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job.Job, "total", property(lambda self: None))
        played, calls = run(film, 1.5, tmp_path / "cache", mouth="painted")
    assert calls > 0
    assert same(plain, played)


def test_another_content_or_another_person_is_another_track(film: Path, tmp_path: Path) -> None:
    run(film, 0.5, tmp_path / "cache")
    assert run(film, 0.5, tmp_path / "cache", face="left")[1] > 0
    write_clip(film, [talking(i + 3) for i in range(40)])
    assert run(film, 0.5, tmp_path / "cache")[1] > 0
    os.utime(film)
    assert run(film, 0.5, tmp_path / "cache")[1] == 0


def test_damaged_files_are_made_again(film: Path, tmp_path: Path) -> None:
    plain, calls = run(film, 0.5, tmp_path / "cache")
    for path in (tmp_path / "cache").iterdir():
        if path.suffix != ".lock":
            path.write_bytes(b"PK\x03\x04 nothing of the kind")
    again, calls_again = run(film, 0.5, tmp_path / "cache")
    assert same(plain, again)
    assert calls_again == calls
    assert Track.from_bytes(b"") is None


def test_what_was_not_asked_for_longest_goes_first(tmp_path: Path) -> None:
    cache = FaceCache(tmp_path / "cache", most_bytes=250)
    for number, name in enumerate(("a", "b")):
        cache.write(f"{name}.track", bytes(100))
        os.utime(tmp_path / "cache" / f"{name}.track", (number, number))
    assert cache.read("a.track") == bytes(100)  # which makes it the latest
    cache.write("c.film", bytes(100))
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"a.track", "c.film"}


def test_one_makes_and_the_others_wait_for_it(tmp_path: Path) -> None:
    made: list[int] = []
    going = threading.Event()

    def make() -> bytes:
        made.append(1)
        going.wait(5)
        return b"x"

    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(FaceCache(tmp_path).made_once("k.film", make)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    going.set()
    for thread in threads:
        thread.join()
    assert (len(made), found) == (1, [b"x"] * 3)


def test_a_cache_that_cannot_be_is_an_error_and_one_that_fills_up_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cache"):
        FaceCache(tmp_path / "file" / "cache")
    cache = FaceCache(tmp_path / "cache")
    (tmp_path / "cache" / "a.track").mkdir()  # nothing can be written there
    cache.write("a.track", b"x")
    assert cache.read("a.track") is None
