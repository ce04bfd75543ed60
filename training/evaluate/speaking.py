"""Evaluation clips as the runtime sees them: tracked frames, and the same frames with a voice laid on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.alignment import pair
from lipsync_edge.engine import Engine
from lipsync_edge.face.tracker import Tracker, TrackOptions, track
from lipsync_edge.types import F32, Frame
from lipsync_edge.video.reader import VideoReader

RATE = 16_000
FPS = 25
TOGETHER = 4  # frames in one call


def read_tracked(engine: Engine, path: Path, seconds: float) -> list[Frame]:
    """Return the frames of the first seconds of a clip with the face that is followed."""
    return list(track(VideoReader(path, end=seconds), Tracker(TrackOptions(), engine.detector)))


def landmarks_of(frame: Frame) -> F32 | None:
    """Return the landmarks, float32 (5, 2), of the face that is followed; None where it shows none."""
    return frame.faces[0].landmarks if frame.faces else None


def at_25(frames: Sequence[Frame], seconds: float) -> list[Frame]:
    """Return the frame shown at each 1/25 s."""
    times = np.array([float(frame.time) for frame in frames])
    wanted = np.arange(0, min(seconds, times[-1]), 1 / FPS)
    return [frames[int(np.searchsorted(times, t + 1e-6) - 1)] for t in wanted]


def hearing(engine: Engine, frames: Sequence[Frame], samples: npt.NDArray[Any]) -> list[Frame]:
    """Lay a sound, 16 kHz mono, on frames as a run does."""
    return list(pair(frames, [samples], engine.renderer.listen(RATE)))


def rendered(engine: Engine, frames: Sequence[Frame]) -> list[npt.NDArray[Any]]:
    """Return the finished pictures, uint8 (H, W, 3) BGR."""
    guide = engine.renderer.guide()
    told = list(frames) if guide is None else [guide(frame) for frame in frames]
    groups = (told[i : i + TOGETHER] for i in range(0, len(told), TOGETHER))
    return [one.image_bgr for group in groups for one in engine.render(group)]
