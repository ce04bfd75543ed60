"""Networks made of numpy, for tests of everything round them: the same cards, no model files."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from lipsync_edge.engine import Engine
from lipsync_edge.face.landmarks import Landmarker
from lipsync_edge.face.options import FindFaces
from lipsync_edge.models.network import Network
from lipsync_edge.models.preset import Preset
from lipsync_edge.models.spec import (
    AudioWindow,
    DetectHead,
    ModelSpec,
    MouthShapes,
    SegmentClasses,
    TensorSpec,
    WarpHead,
)
from lipsync_edge.render.enhance import Enhancer
from lipsync_edge.render.lips import AudioEncoder, Lips
from lipsync_edge.render.renderer import Renderer
from lipsync_edge.render.segment import Segmenter
from lipsync_edge.types import F32, U8, Face, Frame
from tests.render.exemplars import faces

Arrays = dict[str, np.ndarray[Any, Any]]


class FakeBackend:
    """A backend whose graph is a Python function; keeps the feeds of every call."""

    device = "fake"

    def __init__(self, spec: ModelSpec, function: Callable[[Arrays], Arrays]) -> None:
        self.inputs = tuple(tensor_spec.name for tensor_spec in spec.inputs)
        self.outputs = tuple(tensor_spec.name for tensor_spec in spec.outputs)
        self.function = function
        self.calls: list[Arrays] = []

    def run(self, feeds: Arrays) -> Arrays:
        self.calls.append(feeds)
        return self.function(feeds)


def fake_network(spec: ModelSpec, function: Callable[[Arrays], Arrays]) -> Network:
    return Network(spec, FakeBackend(spec, function))


def warp_lips(
    side: int = 64, columns: int = 16, *, paint: float = 0.0, warp: WarpHead | None = None
) -> Network:
    """Lips whose mask opens with the mean of the mel: −4 gives 0, +4 gives 1; flow is zero."""
    spec = ModelSpec(
        name="fake_warp",
        role="lips",
        kind="warp",
        crop="aligned",
        inputs=(
            TensorSpec("face", "uint8", ("batch", side, side, 3)),
            TensorSpec("mel", "float32", ("batch", 80, columns)),
        ),
        outputs=tuple(
            TensorSpec(name, "float32", ("batch", depth, side, side))
            for name, depth in (("flow", 2), ("mask", 1), ("paint", 3))
        ),
        audio=AudioWindow(columns=columns, offset=-columns // 2, tail="pad"),
        warp=warp,
    )

    def run(feeds: Arrays) -> Arrays:
        n = len(feeds["face"])
        loud = (feeds["mel"].mean((1, 2)) + 4) / 8
        mask = np.zeros((n, 1, side, side), np.float32)
        mask[:, :, int(side * 0.6) : int(side * 0.75), int(side * 0.4) : int(side * 0.6)] = loud[
            :, None, None, None
        ]
        flow = np.zeros((n, 2, side, side), np.float32)
        return {"flow": flow, "mask": mask, "paint": np.full((n, 3, side, side), paint, np.float32)}

    return fake_network(spec, run)


def image_lips(side: int = 96) -> Network:
    """Lips that give the inverted crop: float 1 − x/255."""
    spec = ModelSpec(
        name="fake_image",
        role="lips",
        kind="image",
        inputs=(
            TensorSpec("face", "uint8", ("batch", side, side, 3)),
            TensorSpec("mel", "float32", ("batch", 80, 16)),
        ),
        outputs=(TensorSpec("image", "float32", ("batch", side, side, 3)),),
        audio=AudioWindow(),
    )
    return fake_network(
        spec, lambda feeds: {"image": np.float32(1) - feeds["face"].astype(np.float32) / np.float32(255)}
    )


def regions_segmenter(side: int = 64) -> Network:
    """A parser that lets everything be replaced but the left quarter of the crop."""
    spec = ModelSpec(
        name="fake_regions",
        role="segment",
        kind="regions",
        crop="aligned",
        inputs=(TensorSpec("face", "uint8", ("batch", side, side, 3)),),
        outputs=(TensorSpec("regions", "float32", ("batch", 4, side, side)),),
        segment=SegmentClasses(("rest", "skin", "lips", "mouth"), (1, 2, 3)),
    )

    def run(feeds: Arrays) -> Arrays:
        regions = np.zeros((len(feeds["face"]), 4, side, side), np.float32)
        regions[:, 1, :, side // 4 :] = 1.0
        regions[:, 0, :, : side // 4] = 1.0
        return {"regions": regions}

    return fake_network(spec, run)


def labels_segmenter(side: int = 512) -> Network:
    """A parser that calls the lower half of the crop skin (1) and the upper half hair (17)."""
    spec = ModelSpec(
        name="fake_labels",
        role="segment",
        kind="labels",
        inputs=(TensorSpec("face", "uint8", ("batch", side, side, 3)),),
        outputs=(TensorSpec("labels", "uint8", ("batch", side, side)),),
        segment=SegmentClasses(tuple(str(i) for i in range(19)), (1, 11, 12, 13)),
    )

    def run(feeds: Arrays) -> Arrays:
        labels = np.full((len(feeds["face"]), side, side), 17, np.uint8)
        labels[:, side // 2 :] = 1
        return {"labels": labels}

    return fake_network(spec, run)


def doubling_enhancer() -> Network:
    """An enhancer that repeats every pixel."""
    spec = ModelSpec(
        name="fake_enhance",
        role="enhance",
        inputs=(TensorSpec("image", "float32", ("batch", "height", "width", 3)),),
        outputs=(TensorSpec("image_out", "float32", ("batch", "height2", "width2", 3)),),
    )
    return fake_network(spec, lambda feeds: {"image_out": feeds["image"].repeat(2, 1).repeat(2, 2)})


def blind_detector() -> Network:
    """A detector with one stride that never sees a face."""
    spec = ModelSpec(
        name="fake_detect",
        role="detect",
        inputs=(TensorSpec("frame", "uint8", ("batch", "height", "width", 3)),),
        outputs=(
            TensorSpec("scores", "float32", ("batch", "n")),
            TensorSpec("offsets", "float32", ("batch", "n", 4)),
        ),
        detect=DetectHead(strides=(32,), sides=(128.0,)),
    )

    def run(feeds: Arrays) -> Arrays:
        n, height, width = feeds["frame"].shape[:3]
        cells = -(-height // 32) * -(-width // 32)
        return {"scores": np.zeros((n, cells), np.float32), "offsets": np.zeros((n, cells, 4), np.float32)}

    return fake_network(spec, run)


def loudness_encoder(columns: int = 16, *, articulates: bool = False) -> Network:
    """An audio encoder whose first coefficient is 0 at a mel of −4 and 3 at one of +4.

    One that articulates hears a lip under the teeth where that is high, a tongue where it is low.
    """
    spec = ModelSpec(
        name="fake_voice",
        role="voice",
        inputs=(TensorSpec("mel", "float32", ("batch", 80, columns)),),
        outputs=(TensorSpec("coefficients", "float32", ("batch", 8)),),
        extras=(TensorSpec("articulation", "float32", ("batch", 2)),),
        audio=AudioWindow(columns=columns, offset=-columns // 2, tail="pad"),
        shapes=MouthShapes((0.07, *[0.0] * 7), (0.0,) * 8, (0.04, *[0.0] * 7)),
    )

    def run(feeds: Arrays) -> Arrays:
        out = np.zeros((len(feeds["mel"]), 8), np.float32)
        out[:, 0] = (feeds["mel"].mean((1, 2)) + 4) / 8 * 3
        heard = np.stack([out[:, 0] / 2, 1 - out[:, 0] / 2], 1)
        return {"coefficients": out} | ({"articulation": heard} if articulates else {})

    return fake_network(spec, run)


def dark_mouth_landmarks(side: int = 64) -> Network:
    """Landmarks of an upright face whose lips are as far open as the crop's middle is dark where the mouth is."""
    spec = ModelSpec(
        name="fake_landmarks",
        role="landmarks",
        crop="aligned",
        inputs=(TensorSpec("face", "uint8", ("batch", side, side, 3)),),
        outputs=(
            TensorSpec("points", "float32", ("batch", 78, 3)),
            TensorSpec("pose", "float32", ("batch", 3)),
            TensorSpec("visible", "float32", ("batch",)),
        ),
    )

    def run(feeds: Arrays) -> Arrays:
        n = len(feeds["face"])
        points = np.zeros((n, 78, 3), np.float32)
        for k, face in enumerate(feeds["face"]):
            column = face[side // 2 :, side // 2 - 1 : side // 2 + 1].max((1, 2))
            points[k, :, :2] = faces.points(opening=float((column < 40).mean()) / 2 / 0.34)
        return {
            "points": points,
            "pose": np.zeros((n, 3), np.float32),
            "visible": np.ones(n, np.float32),
        }

    return fake_network(spec, run)


def engine_of(
    *,
    preset: Preset,
    detector: FindFaces,
    lips: Lips,
    segmenter: Segmenter | None = None,
    enhancer: Enhancer | None = None,
    encoder: AudioEncoder | None = None,
    landmarker: Landmarker | None = None,
) -> Engine:
    """An engine of parts that were made by hand."""
    renderer = Renderer(
        preset=preset,
        lips=lips,
        segmenter=segmenter,
        enhancer=enhancer,
        encoder=encoder,
        landmarker=landmarker,
    )
    return Engine(detector, renderer)  # type: ignore[arg-type]


def framed(
    index: int,
    image_bgr: U8,
    time: Fraction,
    box_xyxy: F32 | None = None,
    landmarks: F32 | None = None,
    shot_start: bool = False,
    features: F32 | None = None,
    gain: float = 1.0,
) -> Frame:
    """A frame with one face, or with none where no box is given."""
    faces = () if box_xyxy is None else (Face(box_xyxy, landmarks, features=features, gain=gain),)
    return Frame(index, time, image_bgr, faces=faces, shot_start=shot_start)


def box_of(frame: Frame) -> F32 | None:
    """Box of the first face, or None."""
    return frame.faces[0].box_xyxy if frame.faces else None


def landmarks_of(frame: Frame) -> F32 | None:
    """Landmarks of the first face, or None."""
    return frame.faces[0].landmarks if frame.faces else None
