"""Evaluation clips: decoded, tracked, with their sound and the teacher's mesh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.engine import Engine
from lipsync_edge.face.options import TrackOptions
from lipsync_edge.face.tracker import Tracker, track
from lipsync_edge.types import Frame
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader
from training.data.sounds import read_sound

Array = npt.NDArray[Any]

CHOOSE = (
    "address_woman_a", "address_woman_c", "german_man_a", "matrix_man_a",
    "presenter_woman_a", "small_a", "talk_woman_d", "webcam_woman_a",
)  # fmt: skip
REPORT = (
    "address_woman_b", "address_woman_d", "cantonese_woman_a", "matrix_woman_a",
    "news_man_a", "small_b", "talk_woman_e",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One film of a person who talks.

    Attributes:
        name: file name without its ending.
        path: the file.
        frames: tracked frames, in order.
        fps: frames a second.
        samples: float32 (m,), 16 kHz mono.
        mesh: float32 (n, 478, 3), the teacher's points in frame pixels, NaN where it saw no face.
    """

    name: str
    path: Path
    frames: list[Frame]
    fps: float
    samples: Array
    mesh: Array


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """What is needed of a clip whose voice is taken: see `Clip`."""

    name: str
    fps: float
    samples: Array
    mesh: Array


def find(corpus: Path, name: str) -> Path:
    """Return the file of a clip of eval/natural."""
    return next(iter(sorted((corpus / "eval" / "natural").glob(f"{name}.*"))))


def read_clip(engine: Engine, corpus: Path, labels: Path, name: str, seconds: float) -> Clip:
    """Read and track the first seconds of a clip."""
    path = find(corpus, name)
    done = list(track(VideoReader(path, end=seconds), Tracker(TrackOptions(), engine.detector)))
    mesh = read_mesh(labels, name)[: len(done)]
    fps = 1.0 / float(done[1].time - done[0].time)
    return Clip(name, path, done, fps, read_sound(path), mesh)


def read_mesh(labels: Path, name: str) -> Array:
    """Return the teacher's points of every frame, float32 (n, 478, 3), NaN where it saw no face."""
    with np.load(labels / f"{name}.npz") as data:
        mesh = data["points"].astype(np.float32)
        mesh[data["score"] < 0.5] = np.nan
    return np.asarray(mesh)


def read_voice(corpus: Path, labels: Path, name: str) -> Voice:
    """Read the sound of a clip and how its speaker's mouth moved."""
    path = find(corpus, name)
    return Voice(name, float(probe(path).fps), read_sound(path), read_mesh(labels, name))
