"""Detectors and engines of numpy that know where the face is."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lipsync_edge.engine import Engine
from lipsync_edge.face.align import TEMPLATE
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.preset import Preset
from lipsync_edge.models.spec import DetectHead, ModelSpec, TensorSpec
from lipsync_edge.render.lips import Lips
from lipsync_edge.render.segment import Segmenter
from lipsync_edge.types import Arrays, Boxes
from tests import fakes
from tests.clips import number

SIZE = (320, 240)
CORNER, SIDE = (110, 60), 140.0  # where the face of every scene lies


class FaceThere(Detector):
    """Sees one face at a fixed place, in frames whose number is not among the blind ones."""

    def __init__(self, blind: Sequence[int] = ()) -> None:
        super().__init__(fakes.blind_detector())
        self.blind = set(blind)

    def __call__(self, frames_bgr: Sequence[Any], side: int = 0) -> list[Boxes]:
        box = np.array([[*CORNER, CORNER[0] + SIDE, CORNER[1] + SIDE]], np.float32)
        points = (TEMPLATE * SIDE + CORNER).astype(np.float32)[None]
        there = Boxes(box, np.ones(1, np.float32), points)
        return [Boxes.empty() if self.blind and number(f) in self.blind else there for f in frames_bgr]


def make_engine(blind: Sequence[int] = (), **changes: Any) -> Engine:
    usual: dict[str, Any] = {"name": "t", "description": "", "detect": "d", "lips": "l", "detect_every": 1}
    return fakes.engine_of(
        preset=Preset(**(usual | changes)),
        detector=FaceThere(blind),
        lips=Lips(fakes.warp_lips()),
        segmenter=Segmenter(fakes.regions_segmenter()),
    )


def bright_spot_detector(landmarks: bool = True) -> Detector:
    """A face in every cell of 32 pixels that is bright in the middle, its box the cell; nose at the centre."""
    spec = ModelSpec(
        name="fake_spots",
        role="detect",
        inputs=(TensorSpec("frame", "uint8", ("batch", "height", "width", 3)),),
        outputs=(
            TensorSpec("scores", "float32", ("batch", "n")),
            TensorSpec("offsets", "float32", ("batch", "n", 4)),
            TensorSpec("points", "float32", ("batch", "n", 10)),
        ),
        detect=DetectHead(strides=(32,), sides=(32.0,), landmarks=landmarks),
    )

    def run(feeds: Arrays) -> Arrays:
        centre = feeds["frame"][:, 16::32, 16::32, 0]
        scores = (centre.reshape(len(centre), -1) / 255.0).astype(np.float32)
        n = scores.shape[1]
        points = np.tile(np.array([-2, -2, 2, -2, 0, 0, -2, 2, 2, 2], np.float32), (len(centre), n, 1))
        return {"scores": scores, "offsets": np.zeros((len(centre), n, 4), np.float32), "points": points}

    return Detector(fakes.fake_network(spec, run))


def frame_with_spot(
    height: int, width: int, x: int, y: int, side: int
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    frame = np.zeros((height, width, 3), np.uint8)
    frame[y : y + side, x : x + side] = 250
    return frame
