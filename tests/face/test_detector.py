"""Head decoding against the golden S3FD boxes, grids, suppression, and the way from a frame to its boxes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync_edge.errors import ModelError
from lipsync_edge.face.detector import Detector, decode, decode_boxes, grid_sizes, make_priors, suppress
from lipsync_edge.models.spec import DetectHead, load_spec
from lipsync_edge.types import F32, Boxes
from tests.fakes import blind_detector, image_lips
from tests.scripted import bright_spot_detector, frame_with_spot

GOLDEN = Path(__file__).parents[1] / "golden"
Arrays = dict[str, np.ndarray[Any, Any]]


def s3fd_head() -> DetectHead:
    head = load_spec("s3fd").detect
    assert head is not None
    return head


def join_plain_heads(heads: list[F32]) -> tuple[F32, F32]:
    """Twelve published heads (class maps, offset maps, ...) of one picture as scores (N,) and offsets (N, 4)."""
    scores, offsets = [], []
    for classes, maps in zip(heads[0::2], heads[1::2], strict=True):
        e = np.exp(classes[0] - classes[0].max(0))
        scores.append((e[1] / e.sum(0)).ravel())
        offsets.append(maps[0].reshape(4, -1).T)
    return np.concatenate(scores), np.concatenate(offsets)


def test_golden_boxes() -> None:
    """Heads that our network gives for the golden picture; boxes that the original code made of them."""
    heads, golden = np.load(GOLDEN / "s3fd_image_heads.npz"), np.load(GOLDEN / "s3fd_boxes.dev-1.npz")
    scores, offsets = join_plain_heads([heads[f"head{i}"] for i in range(12)])
    priors = make_priors(120, 144, s3fd_head())
    assert (scores > 0.05).sum() == golden["candidates"]
    faces = decode(s3fd_head(), priors, scores, offsets)
    assert np.abs(np.c_[faces.xyxy, faces.score] - golden["kept"]).max() < 1e-3


def test_dropping_low_scores_first_keeps_what_the_published_order_keeps() -> None:
    """The original suppresses among all candidates above 0.05 and keeps those above 0.5 afterwards."""
    heads = np.load(GOLDEN / "s3fd_image_heads.npz")
    scores, offsets = join_plain_heads([heads[f"head{i}"] for i in range(12)])
    head, priors = s3fd_head(), make_priors(120, 144, s3fd_head())
    boxes = decode_boxes(offsets, priors, head.variances)
    likely = np.nonzero(scores > 0.05)[0]
    kept = [i for i in likely[suppress(boxes[likely], scores[likely], 0.3)] if scores[i] > 0.5]
    assert np.array_equal(decode(head, priors, scores, offsets).xyxy, boxes[kept])


def test_grid_of_the_published_trunk_is_that_of_its_own_maps() -> None:
    """160 x 192 is the size of the golden heads."""
    maps = np.load(GOLDEN / "s3fd.dev-1.npz")
    assert grid_sizes(160, 192, s3fd_head().strides) == [maps[f"head{i}"].shape[2:] for i in range(0, 12, 2)]


@pytest.mark.parametrize(
    ("size", "grids"),
    [
        ((32, 64), [(4, 8), (2, 4), (1, 2)]),
        ((33, 1), [(5, 1), (3, 1), (2, 1)]),
        ((0, 0), [(0, 0), (0, 0), (0, 0)]),
    ],
)
def test_grid_of_other_networks_rounds_up(size: tuple[int, int], grids: list[tuple[int, int]]) -> None:
    assert grid_sizes(*size, (8, 16, 32)) == grids


def test_priors_by_hand() -> None:
    priors = make_priors(32, 64, DetectHead(strides=(16, 32), sides=(40.0, 90.0)))
    assert priors.shape == (2 * 4 + 1 * 2, 4)
    assert priors[0].tolist() == [8, 8, 40, 40]
    assert priors[5].tolist() == [24, 24, 40, 40]
    assert priors[9].tolist() == [48, 16, 90, 90]


def test_decoding_by_hand() -> None:
    prior = np.array([[50, 60, 20, 20]], np.float32)
    offsets = np.array([[1, -1, 0, np.log(2) / 0.2]], np.float32)  # two pixels right, two up, twice as high
    assert decode_boxes(offsets, prior, (0.1, 0.2))[0] == pytest.approx([42, 38, 62, 78], abs=1e-4)


@pytest.mark.parametrize(
    ("xyxy", "score", "kept"),
    [
        (np.zeros((0, 4)), [], []),
        ([[0, 0, 9, 9]], [0.6], [0]),
        ([[0, 0, 9, 9], [0, 0, 9, 9]], [0.6, 0.9], [1]),
        ([[0, 0, 9, 9], [20, 20, 29, 29]], [0.6, 0.9], [1, 0]),
        # ten pixels of width share five: 50 / 150 is above 0.3; one pixel less, 40 / 160, is not
        ([[0, 0, 9, 9], [5, 0, 14, 9]], [0.9, 0.8], [0]),
        ([[0, 0, 9, 9], [6, 0, 15, 9]], [0.9, 0.8], [0, 1]),
    ],
)
def test_suppression(xyxy: list[list[float]], score: list[float], kept: list[int]) -> None:
    assert suppress(np.array(xyxy, np.float32), np.array(score, np.float32), 0.3) == kept


@pytest.mark.parametrize(
    ("size", "side"),
    [((360, 640), 320), ((720, 1280), 320), ((1920, 1080), 320), ((100, 60), 320), ((224, 224), 0)],
)
def test_boxes_come_back_in_pixels_of_the_frame(size: tuple[int, int], side: int) -> None:
    ratio = max(1.0, max(size) / side) if side else 1.0
    cell = 32 * ratio
    frame = frame_with_spot(*size, int(cell), int(cell), round(cell))
    (faces,) = bright_spot_detector()([frame], side)
    assert len(faces) == 1
    assert faces.xyxy[0] == pytest.approx([cell, cell, 2 * cell, 2 * cell], rel=0.02)
    assert faces.landmarks is not None
    assert faces.landmarks[0, 2] == pytest.approx([1.5 * cell, 1.5 * cell], rel=0.02)
    assert faces.landmarks[0, 0] == pytest.approx([1.3 * cell, 1.3 * cell], rel=0.02)


def test_a_batch_gives_what_single_frames_give() -> None:
    frames = [frame_with_spot(200, 300, x, 64, 40) for x in (0, 60, 130, 290)]
    detector = bright_spot_detector()
    for one, many in zip([detector([f], 160)[0] for f in frames], detector(frames, 160), strict=True):
        assert np.array_equal(one.xyxy, many.xyxy)
        assert np.array_equal(one.score, many.score)


def test_nothing_in_nothing_out_and_no_landmarks_when_the_card_has_none() -> None:
    assert bright_spot_detector()([]) == []
    faces = bright_spot_detector(landmarks=False)([frame_with_spot(64, 64, 0, 0, 32)])[0]
    assert len(faces) == 1
    assert faces.landmarks is None
    assert len(Detector(blind_detector())([np.zeros((50, 70, 3), np.uint8)], 32)[0]) == 0
    assert len(Boxes.empty()) == 0


def test_a_card_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="detect"):
        Detector(image_lips())
    detector = bright_spot_detector()
    detector.head = DetectHead(strides=(16,), sides=(32.0,))
    with pytest.raises(ModelError, match="scores"):
        detector([np.zeros((64, 64, 3), np.uint8)])
