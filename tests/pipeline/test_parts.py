"""A run in parts: planned once, made each by itself, joined: the frames and the sound of an undivided run."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync_edge.audio.reader import read_audio
from lipsync_edge.engine import Engine
from lipsync_edge.errors import InputError
from lipsync_edge.pipeline.job import Job
from lipsync_edge.pipeline.parts import PartsPlan, from_bytes, join_parts, make_part, plan_parts, to_bytes
from lipsync_edge.pipeline.run_options import RunOptions
from tests.clips import times_of, write_clip, write_sound
from tests.pipeline import test_several
from tests.pipeline.test_face_cache import Moving
from tests.pipeline.test_own_mouth import make_engine, pictures, talking
from tests.scripted import CORNER, SIDE


def engine() -> Engine:
    made = make_engine()
    made.detector = Moving()
    return made


def job_of(film: Path, out: Path, **options: Any) -> Job:
    made, speech = engine(), film.with_name("speech.wav")
    return Job.check(made.detector, made.renderer, film, speech, out, RunOptions(**({"crf": 0} | options)))


def in_parts(film: Path, out: Path, seconds: float, **options: Any) -> tuple[Any, int]:
    """Make a run in parts, every step with an engine of its own; give the result and the number of parts."""
    kept: dict[int, bytes] = {}
    plan: PartsPlan = plan_parts(job_of(film, out, **options), seconds, kept.__setitem__)
    made = [film.with_name(f"part{number}.mp4") for number in kept]
    said = {}
    for number in reversed(range(len(plan))):
        said[number] = make_part(job_of(film, out, **options), kept[number], made[number])
    joined = from_bytes(to_bytes(plan))
    in_order = [said[number] for number in range(len(plan))]
    return join_parts(job_of(film, out, **options), joined, made, in_order), len(plan)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    write_sound(tmp_path / "speech.wav", 2.5)
    return write_clip(tmp_path / "film.mp4", [talking(i) for i in range(40)])


@pytest.mark.parametrize(
    ("options", "suffix"),
    [
        ({}, ".mp4"),
        ({"mouth": "painted"}, ".mkv"),
        ({"loop": "cut", "start": 0.2, "end": 1.4}, ".mov"),
        ({"codec": "hevc", "crf": 20}, ".mp4"),
    ],
)
def test_joined_parts_are_the_undivided_run(film: Path, tmp_path: Path, options: Any, suffix: str) -> None:
    whole, joined = tmp_path / f"whole{suffix}", tmp_path / f"joined{suffix}"
    wanted = engine().run(
        film, film.with_name("speech.wav"), whole, options=RunOptions(**({"crf": 0} | options))
    )
    result, count = in_parts(film, joined, 0.6, **options)
    assert count >= 2
    before, after = pictures(whole), pictures(joined)
    assert len(before) == len(after) == result.frames == wanted.frames
    if "codec" not in options:  # lossless
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert times_of(whole) == times_of(joined)
    assert np.array_equal(read_audio(whole), read_audio(joined))
    assert (result.own_mouth, result.exemplars) == (wanted.own_mouth, wanted.exemplars)
    assert sorted(path.name for path in tmp_path.iterdir() if "partial" in path.name) == []


def test_uneven_times_and_cuts(tmp_path: Path) -> None:
    write_sound(tmp_path / "speech.wav", 2.0)
    pts = [int(i * 40 + (i % 3) * 7) for i in range(50)]
    shots = [talking(i) for i in range(50)]
    for picture in shots[20:40]:
        picture[: CORNER[1] - 5] = 255 - picture[: CORNER[1] - 5]
        picture[round(CORNER[1] + SIDE) + 5 :] = 0
    film = write_clip(tmp_path / "film.mp4", shots, pts=pts, time_base=Fraction(1, 1000))
    wanted = engine().run(film, tmp_path / "speech.wav", tmp_path / "whole.mp4", options=RunOptions(crf=0))
    result, count = in_parts(film, tmp_path / "joined.mp4", 0.4)
    assert count >= 3
    assert result.frames == wanted.frames
    before, after = pictures(tmp_path / "whole.mp4"), pictures(tmp_path / "joined.mp4")
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert times_of(tmp_path / "whole.mp4") == times_of(tmp_path / "joined.mp4")


def test_a_film_that_is_another_now_is_an_error(film: Path, tmp_path: Path) -> None:
    kept: dict[int, bytes] = {}
    plan_parts(job_of(film, tmp_path / "o.mp4", loop="cut"), 0.6, kept.__setitem__)
    write_clip(film, [talking(i) for i in range(20)])
    with pytest.raises(InputError, match="frames from second"):
        make_part(job_of(film, tmp_path / "o.mp4", loop="cut"), kept[1], tmp_path / "part.mp4")
    assert not (tmp_path / "part.mp4").exists()


def test_parts_of_a_film_with_two_voices(tmp_path: Path) -> None:
    film = write_clip(
        tmp_path / "film.mp4", [test_several.picture(i, swap=True) for i in range(test_several.FRAMES)]
    )
    voices = {
        "left": test_several.speech(tmp_path / "one.wav", (0.1, 0.5), (1.1, 1.5)),
        "right": test_several.speech(tmp_path / "two.wav", (0.5, 0.9), (1.5, 1.9)),
    }

    def job(out: Path) -> Job:
        engine = test_several.make_engine()
        return engine.job(film, None, out, voices=voices, options=RunOptions(crf=0))

    whole = test_several.make_engine().run(
        film, None, tmp_path / "whole.mp4", voices=voices, options=RunOptions(crf=0)
    )
    kept: dict[int, bytes] = {}
    out = tmp_path / "joined.mp4"
    plan = plan_parts(job(out), 0.5, kept.__setitem__)
    parts = [tmp_path / f"part{number}.mp4" for number in kept]
    made = [make_part(job(out), kept[number], part) for number, part in enumerate(parts)]
    assert len(plan) >= 3
    result = join_parts(job(out), plan, parts, made)
    before, after = pictures(tmp_path / "whole.mp4"), pictures(out)
    assert len(before) == len(after) == whole.frames
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(before, pictures(film), strict=False))
    assert np.array_equal(read_audio(tmp_path / "whole.mp4"), read_audio(out))
    assert [(one.who, one.driven) for one in result.people] == [(one.who, one.driven) for one in whole.people]
