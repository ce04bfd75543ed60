"""Which voice each evaluation face is dubbed with, and what that voice asks of the mouth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.engine import Engine
from lipsync_edge.render.exemplars.asked import Articulation, articulated
from lipsync_edge.types import Frame
from training.evaluate.speaking import hearing
from training.mouth.clips import Voice

Array = npt.NDArray[Any]


def partner(names: Sequence[str], name: str, step: int = 1) -> str:
    """Return the clip whose voice a face is dubbed with: so many further on in its own half."""
    return names[(list(names).index(name) + step) % len(names)]


def speaking(engine: Engine, frames: list[Frame], samples: Array) -> list[Frame]:
    """Lay a sound, 16 kHz, on frames as a run does, as far as the shorter of both."""
    timed = [replace(frame, time=Fraction(frame.time - frames[0].time)) for frame in frames]
    return hearing(engine, timed, samples)


def asked(engine: Engine, frames: list[Frame], *, alone: bool = False) -> Array:
    """Return what the voice asks in every frame, opening, width and jaw, float (n, 3); NaN without a face.

    Args:
        engine: hears.
        frames: what they hear.
        alone: leave out what the coefficients do not say, so that f and v are asked as shut as p.
    """
    encoder = engine.renderer.encoder
    assert encoder is not None, "the preset has no audio encoder"
    out = np.full((len(frames), 3), np.nan)
    heard = {i: frame.faces[0].features for i, frame in enumerate(frames) if frame.faces}
    features = [one for one in heard.values() if one is not None]
    coefficients, said = encoder.hear(features)
    out[list(heard)] = coefficients @ encoder.to_shape.T
    if not alone:
        for i, one in zip(heard, said, strict=True):
            out[i, 0] = articulated(float(out[i, 0]), Articulation.of(one))
    return out


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
