"""Faces of a film that was looked through: played in any order, they are those that a tracker finds."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pytest

from lipsync_edge.errors import InputError
from lipsync_edge.face.landmarks import COUNT, Landmarker, Landmarks
from lipsync_edge.pipeline import film_scan
from lipsync_edge.pipeline.film_faces import FilmFaces, FilmFacesRecorder, Found
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.types import U8, Face, Frame
from tests.clips import write_clip, write_sound
from tests.pipeline.test_face_cache import Moving, same
from tests.pipeline.test_own_mouth import make_engine, pictures, talking

CUTS = (0, 4)  # frames that begin a shot


def picture(index: int) -> U8:
    shot = sum(index >= cut for cut in CUTS)
    return np.random.default_rng(shot).integers(0, 255, (72, 128, 3), dtype=np.uint8)


def landmarks(number: int) -> Landmarks:
    rng = np.random.default_rng(number)
    points, depth, pose = (rng.random(n, np.float32) for n in ((COUNT, 2), COUNT, 3))
    return Landmarks(points, depth, pose, float(np.float32(rng.random())))


def found(number: int) -> Found:
    paste = np.random.default_rng(number).integers(0, 256, (8, 8)).astype(np.float32) / np.float32(255)
    return Found(landmarks(number), paste)


def frame(index: int, *identities: int) -> Frame:
    faces = tuple(Face(np.full(4, 10 * index + who, np.float32), identity=who) for who in identities)
    return Frame(index, Fraction(index), picture(index), faces=faces, shot_start=index in CUTS)


@pytest.fixture
def film() -> FilmFaces:
    recorder = FilmFacesRecorder()
    for index in range(8):
        shown = frame(index, *([0] if index < 3 else [0, 1]))
        recorder.note(
            shown, [found(10 * index + face.identity) for face in shown.faces[:1]] + [None] * (index >= 3)
        )
    return recorder.faces()


def shown(film: FilmFaces, order: Sequence[int]) -> list[Frame]:
    return list(film.on(replace(frame(i), time=Fraction(t)) for t, i in enumerate(order)))


def test_faces_come_with_their_frames_in_any_order(film: FilmFaces) -> None:
    for kept in (film, FilmFaces.from_bytes(film.to_bytes())):
        for one in shown(kept, [0, 7, 3, 2]):
            assert [face.identity for face in one.faces] == ([0] if one.index < 3 else [0, 1])
            assert [face.box_xyxy[0] for face in one.faces] == [
                10 * one.index + face.identity for face in one.faces
            ]
            first, *others = one.faces
            known, wanted = kept.found_of(one, first), found(10 * one.index)
            assert known is not None
            assert np.array_equal(known.paste, wanted.paste)
            for name in ("points", "depth", "pose", "confidence"):
                assert np.array_equal(getattr(known.landmarks, name), getattr(wanted.landmarks, name))
            assert all(kept.found_of(one, other) is None for other in others)
            assert kept.found_of(one, Face(np.zeros(4, np.float32), identity=5)) is None


def test_frames_need_no_more_than_their_faces(film: FilmFaces) -> None:
    size = (128, 72)
    assert film.part_of(0, size) is None  # there a shot may begin, which all of a picture says
    assert film.part_of(7, size) is None
    for index in (1, 5):
        part = film.part_of(index, size)
        assert part is not None
        assert (part.x1, part.y1) == (max(10 * index - 16, 0), max(10 * index - 16, 0))


def test_shots_begin_where_they_do_whichever_way_the_film_runs(film: FilmFaces) -> None:
    there_and_back = [0, 1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1, 0, 1]
    starts = [k for k, one in enumerate(shown(film, there_and_back)) if one.shot_start]
    assert starts == [0, 4, 11]  # the first, the cut, and the cut backwards
    assert [one.shot_start for one in shown(film, [5, 6, 7, 7, 7])] == [True] + 4 * [False]  # held
    assert [one.shot_start for one in shown(film, [6, 7, 0, 1])] == [True, False, True, False]  # again
    assert [one.shot_start for one in shown(film, [0, 3, 0])] == [True, False, False]  # of one shot, alike


def test_a_file_that_grew_is_refused(film: FilmFaces) -> None:
    with pytest.raises(InputError, match="8 frames"):
        shown(film, [7, 8])


def test_damaged_bytes_are_refused(film: FilmFaces) -> None:
    data = film.to_bytes()
    for wrong in (b"", data[:100], b"x" * len(data)):
        with pytest.raises((ValueError, KeyError, OSError, EOFError, BadZipFile)):
            FilmFaces.from_bytes(wrong)


@pytest.mark.parametrize("seconds", [1.0, 3.0], ids=["once", "back and forth"])
def test_a_run_looks_at_each_frame_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    looked: list[int] = []
    find = Landmarker.__call__

    def count(self: Landmarker, crops: Sequence[U8]) -> Any:
        looked.append(len(crops))
        return find(self, crops)

    monkeypatch.setattr(Landmarker, "__call__", count)
    face, speech = write_clip(tmp_path / "f.mp4", [talking(i) for i in range(40)]), tmp_path / "s.wav"
    write_sound(speech, seconds)

    def run(name: str) -> tuple[list[U8], int, int]:
        looked.clear()
        engine = make_engine()
        engine.detector = Moving()
        engine.run(face, speech, tmp_path / name, options=RunOptions(crf=0))
        return pictures(tmp_path / name), sum(looked), engine.detector.calls

    once, landmarked, detected = run("once.mp4")
    assert landmarked == 40
    monkeypatch.setattr(
        film_scan._Film, "was_read_whole", property(lambda _: False, lambda *_: None), raising=False
    )
    anew, landmarked_anew, detected_anew = run("anew.mp4")
    assert landmarked_anew > 40 + 25 * seconds - 10
    assert detected_anew > detected
    assert len(once) == len(anew)
    # bit for bit, but for the last frames before the film turns round: a tracker smooths them with those that follow
    alike = 25 if seconds == 1.0 else 40 - 8
    assert same(once[:alike], anew[:alike])
