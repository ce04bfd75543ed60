"""Mouths that are shut in training pictures: lips that touch, and no teeth between them."""

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from training.lips import coefficients as shape  # noqa: E402
from training.lips import seal  # noqa: E402
from training.lips.views import FINE, SIDE, carried, mouth_mask  # noqa: E402

CENTRE = np.array([64.0, 84.0])


def mesh(opening: float) -> np.ndarray:
    """A face in crop pixels whose inner lips are `opening` apart at their middle, the upper one where it always is."""
    points = np.random.default_rng(0).uniform(10, 50, (468, 2))
    across = np.linspace(-14, 14, 11)[1:-1]
    bow = 1 - (across / 14) ** 2
    for upper, lower, thick in (
        (seal.UPPER, seal.LOWER, 0),
        (seal.NEXT_UPPER, seal.NEXT_LOWER, 3),
    ):
        points[list(upper)] = CENTRE + np.stack([across, -thick * bow], -1)
        points[list(lower)] = CENTRE + np.stack([across, (opening + thick) * bow], -1)
    for i, x in (
        (shape.INNER[0], -14),
        (shape.INNER[10], 14),
        (shape.BETWEEN[0], -15),
        (shape.BETWEEN[10], 15),
    ):
        points[i] = CENTRE + (x, 0)
    turn = np.linspace(np.pi, -np.pi, len(shape.OUTER), endpoint=False)
    middle, tall = CENTRE + (0, opening / 2), opening / 2 + 6
    points[list(shape.OUTER)] = middle + np.stack([17 * np.cos(turn), tall * np.sin(turn)], -1)
    return points


def picture_of(points: np.ndarray) -> np.ndarray:
    """Skin, red lips and white teeth, uint8 (256, 256, 3)."""
    image = np.full((SIDE * FINE, SIDE * FINE, 3), (130, 150, 190), np.uint8)
    for ring, color in ((shape.OUTER, (90, 80, 160)), (shape.INNER, (245, 245, 245))):
        polygon = points[list(ring)] * FINE + (FINE / 2 - 0.5)
        cv2.fillPoly(image, [np.round(polygon).astype(np.int32)], color)
    return image


def test_sealed_lips_touch_and_nothing_else_of_the_face_moves() -> None:
    points = mesh(3.0)
    shut = seal.sealed(points)
    assert seal.apart(points) > 2
    assert abs(seal.apart(shut)) < 1e-9
    mouth = {*shape.INNER, *shape.BETWEEN}
    rest = [i for i in range(468) if i not in mouth]
    assert np.array_equal(shut[rest], points[rest])


def test_no_tooth_is_seen_in_a_mouth_that_was_shut() -> None:
    wide, shut = mesh(12.0), seal.sealed(mesh(1.0))
    image = picture_of(wide)
    warped = carried(image, shut, wide)
    hidden = seal.shut_picture(image, shut, wide, np.random.default_rng(1))
    where = np.s_[2 * 84 - 10 : 2 * 84 + 14, 2 * 64 - 16 : 2 * 64 + 16]
    assert warped[where].min(-1).max() > 200  # what warping alone leaves
    assert hidden[where].min(-1).max() < 140
    assert hidden[where].max(-1).min() < 120  # the dark line
    far = np.s_[:100]
    assert np.array_equal(hidden[far], warped[far])


def test_a_streak_is_covered_only_where_an_open_mouth_was_shut() -> None:
    wide, half, shut = mesh(12.0), mesh(6.0), seal.sealed(mesh(1.0))
    assert not seal.cover(half, wide).any()
    assert not seal.cover(shut, mesh(1.0)).any()
    covered = seal.cover(shut, wide)
    assert covered.max() > 0.9
    assert (seal.cover(shut, half) > 0.5).sum() < (covered > 0.5).sum()
    assert (covered > 0.5).sum() > 2 * (mouth_mask(shut) > 0.5).sum()
