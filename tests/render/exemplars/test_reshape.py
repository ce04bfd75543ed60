"""Landmarks that move to what is asked, and the map that moves the picture with them."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_edge.face.landmarks import CHIN, JAW, LIPS, Landmarks
from lipsync_edge.render.exemplars.reshape import (
    LOWER_INNER,
    LOWER_OUTER,
    UPPER_INNER,
    FaceShape,
    Lines,
    eye_distance,
    facing,
    goal,
    parted,
    source_map,
)
from tests.render.exemplars.faces import SIDE, landmarks

INNER = (*UPPER_INNER, *LOWER_INNER)


def face(of: Landmarks, yaw: float = 0.0) -> FaceShape:
    shape = of.mouth()
    numbers = np.array([shape.opening, shape.width, shape.jaw], np.float32)
    return FaceShape((of.points * SIDE - 0.5).astype(np.float32), numbers, eye_distance(of, SIDE), yaw)


def shape_of(points: np.ndarray) -> np.ndarray:
    mouth = Landmarks((points + 0.5) / SIDE, np.zeros(78, np.float32), np.zeros(3, np.float32), 1.0).mouth()
    return np.array([mouth.opening, mouth.width, mouth.jaw])


def grid() -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(8.0, 120.0), np.arange(56.0, 150.0))
    return x.astype(np.float32), y.astype(np.float32)


def test_what_is_asked_already_moves_nothing() -> None:
    own = face(landmarks())
    result = goal(own, own, own.shape)
    assert result == pytest.approx(own.points, abs=1e-4)
    x, y = grid()
    there = source_map(result, own.points, x, y, SIDE)
    assert np.abs(there[0] - x).max() < 0.01
    assert np.abs(there[1] - y).max() < 0.2  # knots of a column are kept a little apart


@pytest.mark.parametrize("asked", [(0.02, 0.75, 1.2), (0.13, 0.83, 1.25), (0.1, 0.67, 1.3)])
def test_landmarks_reach_the_shape_that_is_asked(asked: tuple[float, float, float]) -> None:
    own = face(landmarks())
    result = goal(own, own, np.array(asked, np.float32))
    assert shape_of(result) == pytest.approx(asked, abs=0.012)


def test_lips_are_the_exemplars_and_the_chin_is_the_targets() -> None:
    exemplar, target = face(landmarks(0.2, 0.8, 1.3)), face(landmarks(0.02, 0.7, 1.15))
    result = goal(exemplar, target, np.array([*exemplar.shape[:2], target.shape[2]], np.float32))
    assert result[LIPS] == pytest.approx(exemplar.points[LIPS], abs=1e-3)
    assert result[JAW] == pytest.approx(target.points[JAW], abs=1e-3)


def test_an_exemplar_is_not_stretched_far() -> None:
    exemplar = face(landmarks(0.1))
    result = goal(exemplar, exemplar, np.array([0.4, 0.75, 1.2], np.float32))
    assert shape_of(result)[0] < 0.16


def test_the_map_takes_landmarks_to_landmarks() -> None:
    own = face(landmarks())
    result = goal(own, own, np.array([0.13, 0.85, 1.26], np.float32))
    x, y = grid()
    sx, sy = source_map(result, own.points, x, y, SIDE)
    for k in (0, 10, 5, 15, CHIN):
        column, row = result[k]
        at = round(float(row)) - 56, round(float(column)) - 8
        error = np.array([sx[at] - own.points[k, 0], sy[at] - own.points[k, 1]])
        assert np.abs(error - (np.array([x[at], y[at]]) - result[k])).max() < 1.0, k


def test_nothing_moves_beside_the_face_and_far_below_it() -> None:
    own = face(landmarks())
    result = goal(own, own, np.array([0.13, 0.95, 1.3], np.float32))
    x, y = grid()
    sx, sy = source_map(result, own.points, x, y, SIDE)
    still = (x < 10) | (x > 117) | (y > 145)
    assert np.abs(sx - x)[still].max() < 0.05
    assert np.abs(sy - y)[still].max() < 0.05


def test_the_map_never_folds() -> None:
    own = face(landmarks(0.2))
    result = goal(own, own, np.array([0.01, 0.9, 1.1], np.float32))
    x, y = grid()
    assert np.diff(source_map(result, own.points, x, y, SIDE)[1], axis=0).min() > -0.01


def test_upper_teeth_stay_while_the_lips_shut_over_them() -> None:
    own = face(landmarks(0.3))
    result = goal(own, own, np.array([0.15, 0.75, 1.2], np.float32))
    x, y = grid()
    column = 64 - 8
    top = int(np.ceil(result[35, 1]))
    sy = source_map(result, own.points, x, y, SIDE)[1][:, column]
    assert sy[top - 56] == pytest.approx(top, abs=0.6)


def test_lips_that_close_meet_everywhere_whatever_the_shape_of_their_opening() -> None:
    of = landmarks(0.2)
    points = of.points.copy()
    points[slice(21, 30), 1] += 0.01 * np.sin(np.linspace(0, 3 * np.pi, 9))  # no parabola
    own = face(Landmarks(points, of.depth, of.pose, 1.0))
    result = goal(own, own, np.array([0.0, 0.75, 1.2], np.float32))
    gaps = result[21:30, 1] - result[39:30:-1, 1]
    assert np.abs(gaps).max() < 0.35  # pixels, of 9 to begin with


def test_a_turned_face_keeps_its_chin() -> None:
    own = face(landmarks(), yaw=45.0)
    result = goal(own, own, np.array([0.1, 0.75, 1.4], np.float32))
    assert result[CHIN] == pytest.approx(own.points[CHIN], abs=1e-3)
    assert (facing(0.0), facing(-60.0)) == (1.0, 0.0)
    assert facing(15.0) == 1.0  # half of an interview is turned so far


@pytest.mark.parametrize("asked", [0.4, 1.3])
def test_an_exemplar_is_neither_pressed_nor_pulled_far(asked: float) -> None:
    exemplar = face(landmarks(width=0.75))
    result = goal(exemplar, exemplar, np.array([0.1, asked, 1.2], np.float32))
    assert abs(shape_of(result)[1] - 0.75) == pytest.approx(0.12 * 0.75, abs=0.005)


def test_lips_that_are_pressed_together_already_are_not_rolled_in_until_they_vanish() -> None:
    usual = face(landmarks(0.012))
    thin = usual.points.copy()
    middle = thin[list(INNER)].mean(0)[1]
    thin[LIPS, 1] = middle + 0.3 * (thin[LIPS, 1] - middle)
    columns = np.arange(40.0, 88.0, dtype=np.float32)
    rolled = []
    for points in (usual.points, thin):
        free, pressed = (
            Lines.of(points, points, columns, SIDE, press).here for press in ((0.0, 0.0), (1.0, 1.0))
        )
        assert (pressed[1] <= pressed[2] + 1e-4).all()
        assert (pressed[3] <= pressed[4] + 1e-4).all()
        rolled.append(float((free[2] - pressed[2]).max()))
    assert rolled[0] > 0.3
    assert rolled[1] < 0.5 * rolled[0]


def test_under_teeth_the_lower_lip_stays_and_the_upper_one_is_lifted() -> None:
    own = face(landmarks(0.01))
    asked = np.array([0.05, *own.shape[1:]], np.float32)
    usual, tucked = (
        goal(own, own, asked, stretch=np.inf, tuck=tuck)[:, 1] - own.points[:, 1] for tuck in (0.0, 1.0)
    )
    upper, lower, below = UPPER_INNER[5], LOWER_INNER[5], LOWER_OUTER[5]
    assert usual[lower] > 2 * -usual[upper] > 0
    assert tucked[lower] == pytest.approx(0.0, abs=0.05)
    assert tucked[upper] == pytest.approx(usual[upper] - usual[lower], rel=0.05)
    assert tucked[below] < 0.0


def test_an_exemplars_wider_mouth_shuts_onto_the_teeth_from_below() -> None:
    open_one, own = face(landmarks(0.1)), face(landmarks(0.1))
    moved = (
        goal(open_one, own, np.array([0.05, *own.shape[1:]], np.float32), tuck=1.0)[:, 1] - own.points[:, 1]
    )
    assert moved[UPPER_INNER[5]] == pytest.approx(0.0, abs=0.05)
    assert moved[LOWER_INNER[5]] < -1.0


def test_only_the_lower_lip_is_rolled_in_under_teeth() -> None:
    points = face(landmarks(0.05)).points
    columns = np.arange(40.0, 90.0).astype(np.float32)
    free, rolled = (Lines.of(points, points, columns, SIDE, press).here for press in ((0.0, 0.0), (0.0, 1.0)))
    assert np.array_equal(free[2], rolled[2])
    assert (rolled[3] - free[3]).max() == pytest.approx(1.0, abs=0.05)


def test_only_lips_that_are_apart_in_the_picture_need_rolling_in() -> None:
    assert parted(0.012) == 0.0
    assert parted(0.04) == 1.0
    assert 0.0 < parted(0.025) < 1.0
