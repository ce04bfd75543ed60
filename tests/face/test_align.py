"""The aligned crop: similarity, template, cutting without aliasing."""

import numpy as np
import pytest

from lipsync_edge.face.align import TEMPLATE, aligned_crop, box_to_pixels, similarity


def turned(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    a = np.radians(degrees)
    return scale * points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + shift


@pytest.mark.parametrize("degrees", [0, 17, -30, 90, 179])
@pytest.mark.parametrize("scale", [0.2, 1.0, 7.5])
def test_similarity_recovers_a_known_motion(degrees: float, scale: float) -> None:
    target = turned(TEMPLATE, degrees, scale, (40.0, -3.0))
    matrix = similarity(TEMPLATE, target)
    assert np.allclose(TEMPLATE @ matrix[:, :2].T + matrix[:, 2], target, atol=1e-9)


def test_similarity_is_a_least_squares_fit_without_reflection() -> None:
    rng = np.random.default_rng(0)
    target = turned(TEMPLATE, 20, 100, (300, 200)) + rng.normal(0, 2, TEMPLATE.shape)
    matrix = similarity(TEMPLATE, target)
    assert np.linalg.det(matrix[:, :2]) > 0
    best = ((TEMPLATE @ matrix[:, :2].T + matrix[:, 2] - target) ** 2).sum()
    for _ in range(50):
        other = matrix + rng.normal(0, 0.5, matrix.shape) * [[0, 0, 1], [0, 0, 1]]
        assert ((TEMPLATE @ other[:, :2].T + other[:, 2] - target) ** 2).sum() >= best


@pytest.mark.parametrize("side", [64, 128])
@pytest.mark.parametrize("scale", [30.0, 128.0, 700.0])
def test_crop_puts_landmarks_on_the_template_at_every_scale(side: int, scale: float) -> None:
    frame = np.zeros((720, 1280, 3), np.uint8)
    points = turned(TEMPLATE, -12, scale, (500, 100)).astype(np.float32)
    for x, y in points:
        frame[
            max(0, int(y - scale * 0.02)) : int(y + scale * 0.02) + 2,
            int(x - scale * 0.02) : int(x + scale * 0.02) + 2,
        ] = 255
    cut = aligned_crop(points, side).cut(frame)
    assert cut.shape == (side, side, 3)
    for x, y in TEMPLATE * side - 0.5:
        assert cut[round(y), round(x), 0] > 60
    assert cut[2, 2, 0] == 0


def test_a_large_face_does_not_alias() -> None:
    """A one-pixel checkerboard seen from far away is grey, not a moiré pattern."""
    frame = np.repeat(((np.indices((900, 900)).sum(0) % 2) * 255).astype(np.uint8)[..., None], 3, 2)
    points = (TEMPLATE * 850 + 20).astype(np.float32)
    cut = aligned_crop(points, 128).cut(frame)
    assert abs(float(cut[20:100, 20:100].mean()) - 127.5) < 8
    assert float(cut[20:100, 20:100].std()) < 45


def test_box_is_truncated_and_kept_inside_the_frame() -> None:
    frame = np.zeros((100, 200, 3), np.uint8)
    assert box_to_pixels(np.array([-3.7, 4.9, 250.2, 99.9], np.float32), frame) == (0, 4, 200, 99)
