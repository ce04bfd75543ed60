"""The bundled identity network on the demo's face: the same in other light and size, and not what is no such face."""

import cv2
import numpy as np
import pytest

from lipsync_edge.demo import demo_files
from lipsync_edge.errors import ModelError
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.identifier import Identifier
from lipsync_edge.models.network import load_network
from lipsync_edge.types import F32, U8, Boxes


@pytest.fixture(scope="module")
def picture() -> U8:
    return np.asarray(cv2.imread(str(demo_files()[0])), np.uint8)


@pytest.fixture(scope="module")
def faces(picture: U8) -> Boxes:
    return Detector(load_network("edge_detect", device="cpu"))([picture], 320)[0]


@pytest.fixture(scope="module", params=["fp32", "int8"])
def identifier(request: pytest.FixtureRequest) -> Identifier:
    return Identifier(load_network("edge_identity", device="cpu", precision=request.param))


def moved(boxes: Boxes, scale: float = 1.0, mirrored_in: int = 0) -> Boxes:
    xyxy, points = boxes.xyxy * np.float32(scale), boxes.landmarks
    assert points is not None
    points = points * np.float32(scale)
    if mirrored_in:
        xyxy = np.stack([mirrored_in - xyxy[:, 2], xyxy[:, 1], mirrored_in - xyxy[:, 0], xyxy[:, 3]], 1)
        points = points[:, [1, 0, 2, 4, 3]] * np.float32([-1, 1]) + np.float32([mirrored_in - 1, 0])
    return Boxes(xyxy.astype(np.float32), boxes.score, points.astype(np.float32))


def looks(identifier: Identifier, picture: U8, boxes: Boxes) -> F32:
    found = identifier(picture, boxes)
    assert found.shape == (len(boxes), 128)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0, abs=1e-3)
    return found[0]


def test_a_face_is_itself_in_other_light_size_and_mirrored(
    identifier: Identifier, picture: U8, faces: Boxes
) -> None:
    here = looks(identifier, picture, faces)
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    dark = (picture * np.array([0.45, 0.55, 0.6])).astype(np.uint8)
    for other, boxes in (
        (dark, faces),
        (cv2.GaussianBlur(picture, (0, 0), width / 200), faces),
        (np.asarray(small, np.uint8), moved(faces, 0.25)),
        (np.ascontiguousarray(picture[:, ::-1]), moved(faces, mirrored_in=width)),
    ):
        assert here @ looks(identifier, other, boxes) > identifier.same


def test_what_is_no_such_face_is_not_like_it(identifier: Identifier, picture: U8, faces: Boxes) -> None:
    here = looks(identifier, picture, faces)
    noise = np.random.default_rng(0).integers(0, 256, picture.shape, dtype=np.uint8)
    upside_down = np.ascontiguousarray(picture[::-1])
    for other in (noise, np.full_like(picture, 128), upside_down):
        assert here @ looks(identifier, other, faces) < identifier.same


def test_no_faces_and_no_landmarks(identifier: Identifier, picture: U8, faces: Boxes) -> None:
    assert len(identifier(picture, Boxes.empty())) == 0
    box_alone = Boxes(faces.xyxy, faces.score)
    assert looks(identifier, picture, box_alone) @ looks(identifier, picture, faces) > identifier.other


def test_another_kind_of_network_is_refused() -> None:
    with pytest.raises(ModelError, match="identity card"):
        Identifier(load_network("edge_detect", device="cpu"))
