"""Figures of dubbed mouths on curves and pictures whose answers are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.lips.coefficients import INNER
from training.mouth.clips import CHOOSE, REPORT
from training.mouth.figures import Inside, inside_lips, jumps, look_row, motion_row
from training.mouth.voices import at_times, partner


def curves(n: int = 400) -> list[np.ndarray]:
    return [0.1 + 0.05 * np.random.default_rng(k).normal(size=(n, 3)) for k in range(4)]


def test_a_mouth_that_does_what_it_is_asked() -> None:
    asked, speaker, source, other = curves()
    row = motion_row(asked.copy(), asked, speaker, source, other)
    for name in ("opening", "width", "jaw"):
        assert row[f"{name}_asked"] == pytest.approx(1.0)
        assert abs(row[f"{name}_wrong_voice"]) < 0.15


def test_a_mouth_that_shows_its_source() -> None:
    asked, speaker, source, other = curves()
    row = motion_row(0.3 * asked + 0.7 * source, asked, speaker, source, other)
    assert row["width_source"] > 0.99
    assert 0.2 < row["width_asked"] < 0.6


def test_closures_count_where_they_are_asked() -> None:
    asked = np.full((10, 3), 0.2)
    asked[:4, 0] = 0.0
    made = np.full((10, 3), 0.2)
    made[:3, 0] = 0.01
    row = motion_row(made, asked, asked, made, 0.2 - asked)
    assert row["closures"] == pytest.approx(0.75)


def test_frames_without_a_face_do_not_count() -> None:
    asked, speaker, source, other = curves()
    made = asked.copy()
    made[5] = np.nan
    assert motion_row(made, asked, speaker, source, other)["opening_asked"] == pytest.approx(1.0)


def test_brightness_jumps_are_those_of_neighbours_that_are_open() -> None:
    assert jumps(np.array([10.0, 12.0, np.nan, 50.0, 49.0])) == pytest.approx(1.5)
    assert np.isnan(jumps(np.array([np.nan, 3.0, np.nan])))


def mesh(opening: float) -> np.ndarray:
    points = np.zeros((478, 3))
    points[[33, 133, 362, 263], 0] = 20, 40, 60, 80
    points[[33, 133, 362, 263], 1] = 20
    angle = np.linspace(0, 2 * np.pi, len(INNER), endpoint=False) + np.pi
    points[list(INNER), 0] = 50 + 15 * np.cos(angle)
    points[list(INNER), 1] = 70 - opening * 40 / 2 * np.sin(angle)
    points[[61, 291], 0] = 33, 67
    points[[61, 291], 1] = 70
    points[[2, 152], 1] = 55, 100
    points[[2, 152], 0] = 50
    return points


def test_the_inside_is_read_between_the_lips_only() -> None:
    frame = np.full((120, 100, 3), 200, np.uint8)
    cv2.ellipse(frame, (50, 70), (15, 8), 0, 0, 360, (40, 40, 40), -1)
    found = inside_lips(frame, mesh(0.3))
    assert found.light == pytest.approx(40, abs=12)
    assert np.isnan(inside_lips(frame, mesh(0.01)).light)


def test_sharpness_is_a_ratio_to_the_source() -> None:
    insides = [Inside(104.0, 80.0 + k % 2) for k in range(12)]
    finer = [Inside(404.0, 80.0 + k % 2) for k in range(12)]
    crops = [np.random.default_rng(k).integers(0, 255, (8, 8, 3)).astype(np.uint8) for k in range(12)]
    row = look_row(finer, insides, crops, crops)
    assert row["sharpness"] == pytest.approx(2.0)
    assert row["light_jumps"] == pytest.approx(1.0)
    assert row["flicker"] == pytest.approx(1.0)


def test_the_halves_do_not_touch_and_voices_are_of_the_same_half() -> None:
    assert not set(CHOOSE) & set(REPORT)
    assert all(partner(CHOOSE, name) in CHOOSE and partner(CHOOSE, name) != name for name in CHOOSE)


def test_a_curve_is_read_between_its_frames_and_ends() -> None:
    read = at_times(np.arange(5.0), 10.0, np.array([0.0, 0.05, 0.39, 0.6]))
    assert read[:3] == pytest.approx([0.0, 0.5, 3.9])
    assert np.isnan(read[3])
