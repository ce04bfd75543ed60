"""The clips of ordinary speech that the voice is judged on: their sound, and how their speakers' mouths moved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.mel import mel_spectrogram
from training.data.sounds import read_sound
from training.voice.measures import measures

Array = npt.NDArray[Any]

CHOOSE = (
    "address_woman_a", "address_woman_c", "german_man_a", "matrix_man_a", "presenter_woman_a", "small_a",
    "talk_woman_d", "webcam_woman_a",
)  # fmt: skip
REPORT = (
    "address_woman_b", "address_woman_d", "cantonese_woman_a", "matrix_woman_a", "news_man_a", "small_b",
    "talk_woman_e",
)  # fmt: skip
LANGUAGES = {"german_man_a": "German", "cantonese_woman_a": "Cantonese"}
SAME_PERSON = {"address_woman_a": "talk_woman_d", "talk_woman_d": "address_woman_a"}


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """One clip.

    Attributes:
        name: stem of its file.
        mel: float32 (80, T), of its own sound from its first picture on.
        times: float64 (n,), seconds of the frames that have sound and a mesh.
        real: float64 (n, 3), opening, width and jaw of the speaker, in eye distances.
    """

    name: str
    mel: Array
    times: Array
    real: Array


def frame_times(path: Path) -> Array:
    """Return the times of all frames in seconds, the first at 0."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        stamps = np.array([float(frame.time or 0) for frame in container.decode(video=0)])
    return stamps - stamps[0]


def read_talk(path: Path, mesh: Path) -> Talk:
    """Read a clip and its mesh labels."""
    times, samples = frame_times(path), read_sound(path)
    with np.load(mesh) as data:
        points, score = data["points"], data["score"]
    if len(points) != len(times):
        raise ValueError(f"{path.name}: {len(points)} meshes of {len(times)} frames")
    good = (score > 0.5) & (times < len(samples) / 16000)
    return Talk(path.stem, mel_spectrogram(samples), times[good], measures(points[good]))


def load_talks(corpus: Path, mesh: Path) -> list[Talk]:
    """Read all fifteen clips."""
    files = sorted(p for p in (corpus / "eval" / "natural").iterdir() if p.suffix in (".mp4", ".mkv"))
    return [read_talk(p, mesh / "eval" / "natural" / f"{p.stem}.npz") for p in files]
