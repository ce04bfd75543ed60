"""Which voice each evaluation face is dubbed with, and what that voice asks of the mouth."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.arrays import Tick
from lipsync_edge.engine import Engine
from lipsync_edge.speech_gate import GateOptions
from lipsync_edge.sync import SyncStream, pair
from lipsync_edge.track import TrackedFrame
from training.mouth.clips import Voice

Array = npt.NDArray[Any]


def partner(names: Sequence[str], name: str, step: int = 1) -> str:
    """Return the clip whose voice a face is dubbed with: so many further on in its own half."""
    return names[(list(names).index(name) + step) % len(names)]


def ticks(engine: Engine, frames: list[TrackedFrame], samples: Array) -> list[Tick]:
    """Pair frames with a sound as a run does, as far as the shorter of both."""
    sync = SyncStream(engine.lips.audio, gate=GateOptions() if engine.preset.gate else None, blend_mel=True)
    start = frames[0].time
    timed = [
        TrackedFrame(i, f.frame_bgr, Fraction(f.time - start), f.box_xyxy, f.landmarks, f.cut)
        for i, f in enumerate(frames)
    ]
    return list(pair(timed, [samples], sync))


def at_times(curve: Array, fps: float, times: Array) -> Array:
    """Read a curve (n, …) of `fps` at times in seconds, linearly; NaN past its end."""
    place = times * fps
    low = np.clip(np.floor(place).astype(int), 0, len(curve) - 1)
    high = np.minimum(low + 1, len(curve) - 1)
    part = (place - low).reshape(-1, *[1] * (curve.ndim - 1))
    out = curve[low] * (1 - part) + curve[high] * part
    out[place > len(curve) - 1 + 1e-6] = np.nan
    return np.asarray(out)


def speaker_points(voice: Voice, times: Array) -> Array:
    """Return the voice's own speaker's mesh at those times, (n, 478, 3)."""
    return at_times(voice.mesh.astype(np.float64), voice.fps, times)
