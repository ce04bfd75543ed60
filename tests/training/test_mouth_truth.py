"""Made mouths against the truth: PSNR inside the real lips, and what is left out of it."""

from __future__ import annotations

import numpy as np
import pytest

from training.lips.coefficients import INNER
from training.mouth.truth import LEAST, inner_mask, psnr


def mesh(opening: float) -> np.ndarray:
    """A mesh whose eyes are 100 pixels apart and whose inner lips are an ellipse so many eye distances high."""
    points = np.zeros((478, 3))
    points[:, :2] = np.random.default_rng(0).uniform(20, 180, (478, 2))
    angle = np.linspace(0, 2 * np.pi, len(INNER), endpoint=False)
    points[list(INNER), 0] = 100 - 40 * np.cos(angle)
    points[list(INNER), 1] = 140 + 50 * opening * np.sin(angle)
    return points


def test_psnr_is_of_the_mean_square_over_frames() -> None:
    assert psnr([255.0**2 / 100] * LEAST) == pytest.approx(20.0)
    assert psnr([1.0, 199.0] * LEAST) == pytest.approx(psnr([100.0] * LEAST))


def test_too_few_open_frames_say_nothing() -> None:
    assert np.isnan(psnr([100.0] * (LEAST - 1)))


def test_where_no_face_was_seen_nothing_is_judged() -> None:
    assert inner_mask(np.zeros((200, 200, 3), np.uint8), np.full((478, 3), np.nan)) is None


def test_only_what_lies_between_open_lips_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    for opening, judged in ((0.3, True), (0.02, False)):
        shape = np.array([[opening, 0.8, 1.2]])
        monkeypatch.setattr("training.mouth.truth.mouth_shape", lambda _, shape=shape: shape)
        mask = inner_mask(picture, mesh(opening))
        assert (mask is not None) == judged
        if mask is not None:
            assert mask[140, 100]
            assert not mask[110, 100]
            assert mask.sum() == pytest.approx(np.pi * 40 * 15, rel=0.1)
