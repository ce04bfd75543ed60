"""The training clips as the audio encoder takes them: their voices, and the mouth's coefficients over time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.mel import mel_spectrogram
from training.data.sounds import read_sound
from training.data.voices import Voice, load_voices, voice_path
from training.lips.coefficients import fit_shape

Array = npt.NDArray[Any]

SHORTEST = 24  # frames


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One talking clip.

    Attributes:
        speaker: whose.
        path: below the corpus folder.
        voices: its own voice first, then others that say the same.
        coefficients: float32 (frames, 8), scaled so that all speakers move about equally far.
        times: float64 (frames,), seconds.
    """

    speaker: str
    path: str
    voices: list[Voice]
    coefficients: Array
    times: Array


def load_clips(corpus: Path, labels: Path, voices: Path | None, out: Path) -> list[Clip]:
    """Read every training clip, its coefficients and voices (its own alone without `voices`); saves the shape model."""
    with np.load(labels / "train.npz") as data:
        good = data["score"] > 0.9
        points = data["points"][good][:, :, :2].astype(np.float64)
        clip, times, paths = data["clip"][good], data["time"][good], data["paths"]
    speakers = np.array([str(p).split("/")[1] for p in paths])
    of_frame = speakers[clip]
    _, inverse, count = np.unique(of_frame, return_inverse=True, return_counts=True)
    model, coefficients = fit_shape(points, clip, 1 / np.sqrt(count[inverse]))
    out.mkdir(parents=True, exist_ok=True)
    model.save(out / "shape.npz")
    coefficients = level_speakers(coefficients, of_frame)
    clips = []
    for i, path in enumerate(paths):
        rows = np.flatnonzero(clip == i)
        if len(rows) >= SHORTEST:
            heard = [Voice(mel_spectrogram(read_sound(corpus / str(path))))]
            heard += load_voices(voice_path(voices, str(path))) if voices else []
            clips.append(Clip(speakers[i], str(path), heard, coefficients[rows], times[rows]))
    return clips


def level_speakers(coefficients: Array, speaker: Array) -> Array:
    """Scale each speaker's coefficients (n, 8) so that the first one spreads as far as the median speaker's."""
    out = coefficients.copy()
    names = np.unique(speaker)
    spreads = np.array([coefficients[speaker == name, 0].std() for name in names])
    for name, spread in zip(names, spreads, strict=True):
        out[speaker == name] *= np.clip(np.median(spreads) / spread, 0.4, 2.5)
    return out
