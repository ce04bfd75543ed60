"""The Python side of the C host: opens a stream of a saved avatar. Engines are shared between streams."""

from functools import cache
from pathlib import Path

import lipsync_edge as le
from lipsync_edge.live.setup import open_avatar


@cache
def engine() -> le.Engine:
    """Load the networks once."""
    return le.load(preset="lite", threads=1)


def open_stream(avatar: str) -> le.Stream:
    """Return a stream of 16 kHz int16 sound for a saved avatar, a video or a picture."""
    return engine().stream(open_avatar(engine(), Path(avatar)), sample_rate=16_000)
