"""Landmarks: lengths of drawn mouths, and what the bundled network finds on the demo's face and on none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync_edge.demo import demo_files
from lipsync_edge.errors import ModelError
from lipsync_edge.face import landmarks as marks
from lipsync_edge.face.align import AlignedCrop, aligned_crop
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.landmarks import Landmarker, Landmarks
from lipsync_edge.models.network import load_network
from lipsync_edge.types import F32, U8


def drawn(opening: float, width: float, jaw: float) -> Landmarks:
    """A face whose eyes are 0.4 of the crop apart, turned by 60° about the vertical axis."""
    points = np.zeros((marks.COUNT, 3))
    points[list(marks.LEFT_EYE_CORNERS)], points[list(marks.RIGHT_EYE_CORNERS)] = (-0.2, 0, 0), (0.2, 0, 0)
    for upper, lower in zip(marks.UPPER_INNER, marks.LOWER_INNER, strict=True):
        points[upper, 1], points[lower, 1] = 0.3, 0.3 + 0.4 * opening
    left, right = marks.MOUTH_CORNERS
    points[left], points[right] = (-0.2 * width, 0.3, 0), (0.2 * width, 0.3, 0)
    points[marks.NOSE_BASE, 1], points[marks.CHIN, 1] = 0.2, 0.2 + 0.4 * jaw
    turn = np.array([[0.5, 0, -np.sqrt(0.75)], [0, 1, 0], [np.sqrt(0.75), 0, 0.5]])
    points = (points @ turn).astype(np.float32)
    return Landmarks(points[:, :2] + np.float32(0.5), points[:, 2], np.zeros(3, np.float32), 1.0)


def test_a_turned_mouth_keeps_its_measures() -> None:
    mouth = drawn(0.25, 0.8, 1.3).mouth()
    assert (mouth.opening, mouth.width, mouth.jaw) == pytest.approx((0.25, 0.8, 1.3), abs=1e-5)


def test_groups_cover_every_point_once() -> None:
    rows = np.concatenate([np.arange(marks.COUNT)[group] for group in marks.GROUPS.values()])
    assert sorted(rows.tolist()) == list(range(marks.COUNT))


def test_points_go_back_to_the_frame() -> None:
    crop = aligned_crop(np.array([(80, 90), (140, 96), (108, 120), (88, 150), (130, 154)], np.float32), 128)
    one = drawn(0.1, 0.8, 1.2)
    at = one.in_frame(crop.to_frame, 128).astype(np.float64) @ crop.to_crop[:, :2].T + crop.to_crop[:, 2]
    np.testing.assert_allclose((at + 0.5) / 128, one.points, atol=1e-5)


def test_a_network_of_another_role_is_refused() -> None:
    with pytest.raises(ModelError, match="landmarks"):
        Landmarker(load_network("edge_segment", device="cpu", threads=1))


@pytest.fixture(scope="module")
def photo() -> tuple[U8, F32]:
    """The demo's face and its five points, frame pixels."""
    image = cv2.imread(str(demo_files()[0]), cv2.IMREAD_COLOR)
    boxes = Detector(load_network("edge_detect", device="cpu", threads=1))([image], 320)[0]
    assert boxes.landmarks is not None
    return image, boxes.landmarks[0]


@pytest.fixture(scope="module", params=["fp32", "int8"])
def landmarker(request: pytest.FixtureRequest) -> Landmarker:
    return Landmarker(load_network("edge_landmarks", device="cpu", precision=request.param, threads=1))


def crop_of(photo: tuple[U8, F32], side: int = 128) -> tuple[AlignedCrop, U8]:
    crop = aligned_crop(photo[1], side)
    return crop, crop.cut(photo[0])


def test_the_demo_face(landmarker: Landmarker, photo: tuple[U8, F32]) -> None:
    crop, cut = crop_of(photo)
    one = landmarker([cut])[0]
    five = photo[1]
    eyes = float(np.linalg.norm(five[1] - five[0]))
    in_frame = one.in_frame(crop.to_frame, landmarker.side)
    corners = in_frame[list(marks.MOUTH_CORNERS)]
    assert np.linalg.norm(corners - five[3:], axis=1).max() < 0.12 * eyes
    assert one.confidence > 0.8
    assert np.abs(one.pose).max() < 20
    rim = np.ascontiguousarray(one.points[marks.OUTER_LIP]).reshape(-1, 1, 2)
    inside = [cv2.pointPolygonTest(rim, point.tolist(), True) for point in one.points[marks.INNER_LIP]]
    assert min(inside) > -0.01
    assert one.points[marks.CHIN, 1] > one.points[marks.OUTER_LIP, 1].max()
    assert one.points[marks.BROWS, 1].max() < one.points[marks.EYES, 1].min()


def test_points_follow_the_crop(landmarker: Landmarker, photo: tuple[U8, F32]) -> None:
    """The same face, cut askew, has its points at the same places of the frame."""
    straight, cut = crop_of(photo)
    eyes = float(np.linalg.norm(photo[1][1] - photo[1][0]))
    moved = photo[1] + np.float32(0.06 * eyes) * np.array(
        [(1, 1), (1, -1), (0, 1), (1, 0), (1, 1)], np.float32
    )
    askew = aligned_crop(moved, 128)
    a, b = landmarker([cut, askew.cut(photo[0])])
    off = a.in_frame(straight.to_frame, 128) - b.in_frame(askew.to_frame, 128)
    assert np.linalg.norm(off, axis=1).mean() < 0.04 * eyes


def test_a_mirrored_face_turns_the_other_way(landmarker: Landmarker, photo: tuple[U8, F32]) -> None:
    _, cut = crop_of(photo)
    one, other = landmarker([cut, np.ascontiguousarray(cut[:, ::-1])])
    assert one.mouth().opening == pytest.approx(other.mouth().opening, abs=0.04)
    np.testing.assert_allclose(other.pose[[0, 2]], -one.pose[[0, 2]], atol=6)
    chins = one.points[marks.CHIN, 0] + other.points[marks.CHIN, 0]
    assert float(chins) == pytest.approx(1, abs=0.03)


def test_where_there_is_no_face_it_is_not_sure(landmarker: Landmarker) -> None:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.integers(0, 256, (128, 128, 3), np.uint8), (0, 0), 6)
    assert max(one.confidence for one in landmarker([noise, np.full((128, 128, 3), 90, np.uint8)])) < 0.5
    assert landmarker([]) == []
