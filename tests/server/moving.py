"""An avatar that moves while nobody speaks: a disc goes round its picture, and the numbers of its film can be read."""

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np

from lipsync_edge.face.align import TEMPLATE
from lipsync_edge.pipeline.avatar import Avatar, AvatarOrigin
from lipsync_edge.pipeline.prepare import build_avatar
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.types import U8, Frame
from tests import fakes
from tests.live.fakes import FPS, RATE, make_engine

SIDE, FRAMES = 192, 30
STEP = 5  # pixels that the disc goes from picture to picture
PERIOD = 2 * FRAMES - 2  # pictures of a turn: forward and back


def picture(index: int) -> U8:
    """A grey wall, and a disc that comes from the left at the bottom."""
    drawn = np.full((SIDE, SIDE, 3), 90, np.uint8)
    cv2.circle(drawn, (12 + STEP * index, SIDE - 14), 9, (230, 160, 60), -1, cv2.LINE_AA)
    return drawn


@cache
def _avatar() -> tuple[object, Avatar]:
    engine = make_engine()

    def tracked() -> Iterator[Frame]:
        box = np.array([0.2, 0.1, 0.8, 0.8], np.float32) * SIDE
        points = (TEMPLATE * 0.6 * SIDE + 0.2 * SIDE).astype(np.float32)
        for i in range(FRAMES):
            yield fakes.framed(i, picture(i), i / FPS, box, points, i == 0)

    return engine, build_avatar(tracked(), FPS, AvatarOrigin.of(engine.detector, engine.preset))


def moving_stream() -> Stream:
    """A fresh stream of it."""
    engine, avatar = _avatar()
    return engine.stream(avatar, sample_rate=RATE)  # type: ignore[attr-defined,no-any-return]
