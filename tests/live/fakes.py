"""A small speaking avatar on numpy networks, for tests of the live command, the server and the C host."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from lipsync_edge.engine import Engine
from lipsync_edge.face.align import TEMPLATE
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.preset import Preset
from lipsync_edge.pipeline.avatar import Avatar, AvatarOrigin
from lipsync_edge.pipeline.prepare import build_avatar
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.render.lips import Lips
from lipsync_edge.render.segment import Segmenter
from lipsync_edge.types import F32, Frame
from tests import fakes

RATE = 16_000
FPS = Fraction(25)


def make_engine() -> Engine:
    """An engine that opens a white mouth, the wider the louder."""
    return fakes.engine_of(
        preset=Preset(name="test", description="", detect="d", lips="l"),
        detector=Detector(fakes.blind_detector()),
        lips=Lips(fakes.warp_lips(paint=1.0)),
        segmenter=Segmenter(fakes.regions_segmenter()),
    )


def make_avatar(engine: Engine, *, side: int = 96, frames: int = 6) -> Avatar:
    """A grey picture of side x side with a face in it, a little brighter from frame to frame."""

    def tracked() -> Iterator[Frame]:
        box = np.array([0.1, 0.1, 0.9, 0.9], np.float32) * side
        points = (TEMPLATE * 0.8 * side + 0.1 * side).astype(np.float32)
        for i in range(frames):
            picture = np.full((side, side, 3), 60 + 4 * i, np.uint8)
            yield fakes.framed(i, picture, i / FPS, box, points, i == 0)

    return build_avatar(tracked(), FPS, AvatarOrigin.of(engine.detector, engine.preset))


def speech(seconds: float, *, rate: int = RATE, seed: int = 1) -> F32:
    """Noise that swells twice a second."""
    count = round(seconds * rate)
    noise = np.random.default_rng(seed).normal(0, 0.1, count)
    return (noise * (0.2 + np.abs(np.sin(np.arange(count) / rate * 2 * np.pi)))).astype(np.float32)


def open_stream(*, side: int = 96, rate: int = RATE) -> Stream:
    """A fresh engine, avatar and stream."""
    engine = make_engine()
    return engine.stream(make_avatar(engine, side=side), sample_rate=rate)
