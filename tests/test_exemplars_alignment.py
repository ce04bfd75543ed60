"""One head laid on another: by landmarks, then by the pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync_edge.render_exemplars.alignment import FARTHEST, grey, lay, refine, rigid_weight
from tests.exemplar_faces import landmarks, picture


def moved(image: np.ndarray, dx: float, dy: float) -> np.ndarray:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.7, -0.4), (-1.3, 1.1)])
def test_a_shift_is_found_to_a_tenth_of_a_pixel(shift: tuple[float, float]) -> None:
    exemplar = picture(landmarks(), 128)
    target = np.clip(moved(exemplar, *shift).astype(np.float32) * 0.8 + 12, 0, 255).astype(np.uint8)
    start = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    found = refine(grey(exemplar), grey(target), start, rigid_weight(128))
    assert found[:, 2] == pytest.approx(shift, abs=0.1)
    assert found[:, :2] == pytest.approx(start[:, :2])


def test_a_correction_that_is_too_large_is_not_believed() -> None:
    exemplar, other = picture(landmarks(), 128, seed=1), picture(landmarks(), 128, seed=2)
    start = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    found = refine(grey(exemplar), grey(moved(other, 9.0, 0.0)), start, rigid_weight(128))
    assert np.hypot(*found[:, 2]) <= FARTHEST


def test_flat_pictures_move_nothing() -> None:
    flat = np.full((128, 128), 90.0, np.float32)
    start = np.array([[1.0, 0, 2], [0, 1.0, 3]])
    assert refine(flat, flat, start, rigid_weight(128)) == pytest.approx(start, abs=1e-6)


def test_landmarks_are_laid_on_landmarks() -> None:
    a = landmarks().points[40:50] * 128
    turn = np.array([[0.99, -0.1], [0.1, 0.99]], np.float32)
    b = a @ turn.T + np.array([3.0, -2.0], np.float32)
    matrix = lay(a, b)
    assert a @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(b, abs=1e-3)


def test_the_mouth_does_not_count() -> None:
    weight = rigid_weight(128)
    assert weight[75:, :].max() < 0.05
    assert weight[55, 64] > 0.9
