"""The library: bounded, made of runs, covering what the person's mouth does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lipsync_edge.face.align import AlignedCrop
from lipsync_edge.render.exemplars.library import LARGEST, Exemplar, LibraryBuilder, cut_out, make_exemplar
from lipsync_edge.render.exemplars.watcher import gather
from tests.render.exemplars.faces import landmarks, picture, seen, whole_crop


def exemplar(number: int, opening: float, visible: float = 1.0) -> Exemplar:
    one = ONE
    shape = np.array([opening, 0.75, 1.2], np.float32)
    return replace(one, frame=number, look=replace(one.look, shape=shape, visible=visible))


def first() -> Exemplar:
    of = seen(0.1)
    target = of.target
    return make_exemplar(0, target.frame_bgr, target.crop, of.crop_bgr, of.landmarks, of.look, target.paste)


ONE = first()


def test_no_more_than_the_most_however_long_the_film() -> None:
    builder = LibraryBuilder(most=100)
    rng = np.random.default_rng(0)
    held = 0
    for number in range(2000):
        builder.add(exemplar(number, float(rng.uniform(0.01, 0.3))))
        held = max(held, sum(len(run) for run in builder._runs))
    library = builder.build()
    assert library is not None
    assert 80 <= len(library) <= 100
    assert held <= 141
    numbers = [one.frame for one in library.exemplars]
    assert numbers == sorted(numbers)


def test_frames_stay_in_runs() -> None:
    builder = LibraryBuilder(most=60)
    for number in range(500):
        builder.add(exemplar(number, 0.1 + 0.09 * np.sin(number / 7)))
    library = builder.build()
    assert library is not None
    follows = np.diff([one.frame for one in library.exemplars]) == 1
    assert follows.mean() > 0.8


def test_the_widest_mouth_of_a_long_film_is_kept() -> None:
    builder = LibraryBuilder(most=60)
    for number in range(600):
        builder.add(exemplar(number, 0.4 if number == 333 else 0.02))
    library = builder.build()
    assert library is not None
    assert library.bank.shape[:, 0].max() == pytest.approx(0.4)


def test_covered_mouths_are_left_out() -> None:
    builder = LibraryBuilder()
    builder.add(exemplar(0, 0.1, visible=0.3))
    assert builder.build() is None


def test_nothing_gives_no_library() -> None:
    assert gather([], 10) is None


def test_whole_pixels_are_cut_out_and_found_again() -> None:
    frame = picture(landmarks(), 256)
    crop = whole_crop(frame)
    part, to_picture = cut_out(frame, crop)
    place = np.array([64.0, 85.0])
    there = to_picture[:, :2] @ place + to_picture[:, 2]
    x, y = (round(float(v)) for v in crop.to_frame[:, :2] @ place + crop.to_frame[:, 2])
    assert part[round(float(there[1])), round(float(there[0]))].tolist() == frame[y, x].tolist()


def test_a_large_face_is_averaged_down() -> None:
    frame = np.zeros((1600, 1600, 3), np.uint8)
    part, to_picture = cut_out(frame, whole_crop(frame))
    assert max(part.shape) <= LARGEST
    corner = to_picture[:, :2] @ np.array([127.0 * 0.88, 127.0]) + to_picture[:, 2]
    assert corner[0] < part.shape[1] + 1


def test_a_face_at_the_edge_of_the_frame_is_cut_where_the_frame_ends() -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    crop = AlignedCrop(np.array([[1.0, 0, 60], [0, 1.0, 20]]), 128)
    part, _ = cut_out(frame, crop)
    assert min(part.shape[:2]) > 0


def test_the_picture_is_kept_nearly_as_it_was() -> None:
    frame = seen(0.1).target.frame_bgr
    part, _ = cut_out(frame, seen(0.1).target.crop)
    assert np.abs(ONE.decode().astype(int) - part).mean() < 2.0


def test_a_picture_that_is_asked_for_again_is_decoded_once_and_belongs_to_nobody() -> None:
    decoded = ONE.decode()
    assert ONE.decode() is decoded
    with pytest.raises(ValueError, match="read-only"):
        decoded[0] = 0
