"""Presets on networks with made-up numbers: that they run, and how fast; their pictures mean nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table2.clips import RATE, Stretch, write_sound
from lipsync_edge.engine import load
from lipsync_edge.errors import NoFaceError
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.tracker import Tracker, TrackOptions, track
from lipsync_edge.models.network import load_network
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.video.reader import VideoReader

MADE_UP = "box.json"  # `benchmarks reference untrained` leaves it in its folder
NOTE = "untrained: speed and plumbing only"
SECONDS = 0.4


def plumbing(
    preset: str, part: Stretch, models: Path, folder: Path, seconds: float = SECONDS
) -> dict[str, Any]:
    """Run a preset for a moment; returns how many frames came out and how fast, and no figure of quality.

    An untrained detector finds no face, so the box is given: the one that the bundled detector finds.

    Raises:
        ModelError: the networks are not in `models`, either; NoFaceError: the first frame shows no face.
    """
    engine = load(preset=preset, models=models)
    sound = write_sound(part.voice[: round(seconds * RATE)], folder / "short.wav")
    what = RunOptions(box_xyxy=_box(part.video), end=seconds, loop="cut")
    done = engine.run(part.video, sound, folder / "untrained.mkv", options=what)
    return {
        "preset": preset,
        "note": NOTE,
        "clip": part.name,
        "size": f"{done.width}x{done.height}",
        "frames": done.frames,
        "fps": round(done.frames / done.elapsed_s, 3),
        "precision": done.precisions,
    }


def _box(video: Path) -> tuple[float, float, float, float]:
    tracker = Tracker(TrackOptions(), Detector(load_network("edge_detect", device="cpu")))
    first = next(iter(VideoReader(video)))
    faces = next(track([first], tracker)).faces
    if not faces:
        raise NoFaceError(expected=f"a face in the first frame of {video.name}", got="none")
    x1, y1, x2, y2 = (float(v) for v in np.round(faces[0].box_xyxy))
    return x1, y1, x2, y2
