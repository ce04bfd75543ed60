"""The detector's targets: decoding undoes encoding, and every face is somebody's job."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.detector.targets import decode, encode, merge, overlap, priors  # noqa: E402


def faces(rng: np.random.Generator, count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (count, 1, 4) inside the frame, and five points (count, 1, 5, 2) in each."""
    tall = np.exp(rng.uniform(np.log(12), np.log(150), count))
    wide = tall * rng.uniform(0.7, 0.95, count)
    low = rng.uniform(0, 1, (count, 2)) * (side - np.stack([wide, tall], 1))
    boxes = np.hstack([low, low + np.stack([wide, tall], 1)])
    points = low[:, None] + rng.uniform(0.2, 0.8, (count, 5, 2)) * np.stack([wide, tall], 1)[:, None]
    return boxes[:, None].astype(np.float32), points[:, None].astype(np.float32)


def test_encoding_decodes_to_the_same_face() -> None:
    boxes, points = faces(np.random.default_rng(0), 64, 192)
    grid = priors(192, 192)
    targets = encode(torch.from_numpy(grid), torch.from_numpy(boxes), torch.from_numpy(points))
    for row in range(len(boxes)):
        score = (targets.kind[row].numpy() == 1).astype(np.float32)
        got, _, marks = decode(grid, score, targets.offsets[row].numpy(), targets.points[row].numpy(), 0.5)
        assert len(got) >= 1  # every face, however small, has a prior
        np.testing.assert_allclose(got, np.repeat(boxes[row], len(got), 0), atol=1e-3)
        np.testing.assert_allclose(marks, np.repeat(points[row], len(got), 0), atol=1e-3)


def test_rows_without_a_face_teach_none() -> None:
    empty = torch.zeros(2, 4, 4), torch.zeros(2, 4, 5, 2)
    assert (encode(torch.from_numpy(priors(192, 192)), *empty).kind == 0).all()


def test_priors_are_counted_by_rounding_up() -> None:
    grid = priors(180, 321)
    assert len(grid) == 23 * 41 + 12 * 21 + 6 * 11 + 3 * 6
    np.testing.assert_array_equal(grid[1], [12.0, 4.0, 20.0])


@pytest.mark.parametrize("blend", [False, True])
def test_merging_keeps_one_box_a_face(blend: bool) -> None:
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]], np.float32)
    scores = np.array([0.6, 0.9, 0.7], np.float32)
    got, best, marks = merge(boxes, scores, np.zeros((3, 5, 2), np.float32), 0.3, blend)
    np.testing.assert_allclose(best, [0.9, 0.7])
    expected = (0.6 * boxes[0] + 0.9 * boxes[1]) / 1.5 if blend else boxes[1]
    np.testing.assert_allclose(got, [expected, boxes[2]], rtol=1e-5)
    assert marks.shape == (2, 5, 2)


def test_overlap_by_hand() -> None:
    box = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 10, 20, 20]], np.float32)
    np.testing.assert_allclose(overlap(box, others), [1.0, 1 / 3, 0.0])
