"""The evaluation clips as the runtime would cut them: one crop a frame, with the mesh.

A crop is cut by the five-point detector, or, with --follow, by the points that a landmark network found in the
frame before.

python -m training landmarks.eval_crops [--follow FILE.onnx] [--views 4]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import AlignedCrop, aligned_crop
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.landmarks import Landmarker
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.network import Network, load_network
from lipsync_edge.models.spec import load_spec
from training.cli import WORK, command, parse
from training.landmarks.network import SIDE
from training.landmarks.points import five_points
from training.landmarks.store import Refiner
from training.teachers.label_mesh import VIDEOS, frames_of
from training.teachers.mesh_v2 import TASK

Array = npt.NDArray[Any]
DETECT_SIDE = 320
SURE = 0.5  # least confidence with which a face is followed
NEAR = 0.6  # of the eye distance: a detected face whose points lie farther from the mesh is another one


@dataclass(frozen=True, slots=True, eq=False)
class EvalClip:
    """The frames of one clip in which detector and teacher found the same face.

    Attributes:
        name: path below the corpus, without suffix.
        crops: uint8 (T, 128, 128, 3) BGR.
        to_crop: float64 (T, 2, 3), frame pixels → crop pixels.
        mesh: float32 (T, 478, 3), frame pixels.
        number: int64 (T,), frame numbers.
    """

    name: str
    crops: Array
    to_crop: Array
    mesh: Array
    number: Array


class Finder:
    """Five points of the face that the mesh lies on, by the detector or by what was found in the frame before."""

    def __init__(self, detector: Detector, follow: Landmarker | None = None) -> None:
        """Begin a clip."""
        self._detector, self._follow = detector, follow
        self._last: Array | None = None

    def __call__(self, frame: Array, mesh: Array) -> AlignedCrop | None:
        """Return the crop of the face; None where none lies near the mesh."""
        five = self._last if self._last is not None else self._detected(frame, mesh)
        if five is None:
            return None
        crop = aligned_crop(five, SIDE)
        if self._follow is not None:
            one = self._follow([crop.cut(frame)])[0]
            back, five = crop.to_frame, one.five_points().astype(np.float64) * SIDE - 0.5
            at = five @ back[:, :2].T + back[:, 2]
            self._last = at.astype(np.float32) if one.confidence > SURE and _off(at, mesh) < NEAR else None
        return crop

    def _detected(self, frame: Array, mesh: Array) -> Array | None:
        found = self._detector([frame], DETECT_SIDE)[0]
        if not len(found) or found.landmarks is None:
            return None
        best = min(found.landmarks, key=lambda five: _off(five, mesh))
        return best if _off(best, mesh) <= NEAR else None


def _off(five: Array, mesh: Array) -> float:
    true = five_points(mesh)
    return float(np.linalg.norm(five - true, axis=1).mean() / np.linalg.norm(true[1] - true[0]))


def cut_clip(path: Path, label: Path, finder: Finder, refined: Refiner, name: str) -> EvalClip:
    """Cut every frame in which detector and teacher found the same face; the mesh is refined."""
    with np.load(label) as data:
        mesh, score = data["points"], data["score"]
    crops, matrices, numbers = [], [], []
    for number, frame in enumerate(frames_of(path)):
        crop = finder(frame, mesh[number]) if score[number] > 0 else None
        if crop is not None:
            crops.append(crop.cut(frame))
            matrices.append(crop.to_crop)
            numbers.append(number)
            mesh[number] = refined(frame, mesh[number])
    kept = np.array(numbers, np.int64)
    return EvalClip(name, np.array(crops, np.uint8), np.array(matrices), mesh[kept], kept)


def load_clips(folder: Path, part: str = "eval") -> list[EvalClip]:
    """Read what `main` wrote of a part, in the order of the names."""
    clips = []
    for path in sorted((folder / part).rglob("*.npz")):
        with np.load(path) as data:
            fields = {key: data[key] for key in ("crops", "to_crop", "mesh", "number")}
        clips.append(EvalClip(str(path.relative_to(folder).with_suffix("")), **fields))
    return clips


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", out=WORK / "landmarks" / "eval_crops")
    parser.add_argument("--part", default="eval", help="folder of the corpus")
    parser.add_argument("--mesh", type=Path, default=WORK / "mesh", help="what teachers.label_mesh wrote")
    parser.add_argument("--task", type=Path, default=TASK)
    parser.add_argument("--views", type=int, default=0, help="further looks of the teacher at every face")
    parser.add_argument("--follow", type=Path, help="a landmark network")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Cut all evaluation clips."""
    options = parse(arguments(), argv)
    detector = Detector(load_network("edge_detect", device="cpu", threads=1))
    follow, refined = None, Refiner(options.task, options.views)
    if options.follow:
        follow = Landmarker(Network(load_spec("edge_landmarks"), open_backend(options.follow, "cpu", 1)))
    for path in sorted(p for p in (options.corpus / options.part).rglob("*") if p.suffix in VIDEOS):
        name = path.relative_to(options.corpus).with_suffix("")
        label, out = ((folder / name).with_suffix(".npz") for folder in (options.mesh, options.out))
        clip = cut_clip(path, label, Finder(detector, follow), refined, str(name))
        out.parent.mkdir(parents=True, exist_ok=True)
        np.savez(out, crops=clip.crops, to_crop=clip.to_crop, mesh=clip.mesh, number=clip.number)
        print(f"{name}: {len(clip.number)} frames", flush=True)
