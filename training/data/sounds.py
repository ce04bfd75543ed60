"""Reading a file's sound, in time with its pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.reader import read_audio
from lipsync_edge.audio.resample import Resampler
from lipsync_edge.errors import NoVideoError
from lipsync_edge.video.probe import probe


def read_sound(path: Path) -> npt.NDArray[Any]:
    """Return a file's sound as float32 16 kHz mono, from its first picture on if it has pictures."""
    try:
        begins = probe(path).begins
    except NoVideoError:
        begins = Fraction(0)
    return read_audio(path, start=begins)


def resampled(samples: npt.NDArray[Any], rate: int, target: int = 16_000) -> npt.NDArray[Any]:
    """Return a whole sound, float32 (n,), at another rate."""
    resampler = Resampler(rate, target)
    return np.concatenate([resampler.push(samples), resampler.flush()])
