"""The evaluation clips as the runtime would cut them: one crop a frame by the five-point detector, with the mesh.

python -m training.landmarks.eval_crops --corpus ../shared/corpus --mesh FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.crop import aligned_crop
from lipsync_edge.detect import Detector
from lipsync_edge.network import load_network
from training.landmarks.network import SIDE
from training.teachers.label_mesh import VIDEOS, frames_of

Array = npt.NDArray[Any]
DETECT_SIDE = 320
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


def five_of(mesh: Array) -> Array:
    """Return the five points of a mesh, float32 (5, 2)."""
    p = mesh[:, :2]
    return np.stack([(p[33] + p[133]) / 2, (p[362] + p[263]) / 2, p[1], p[61], p[291]]).astype(np.float32)


def cut_clip(path: Path, label: Path, detector: Detector, name: str) -> EvalClip:
    """Cut every frame by the face that the detector finds where the mesh lies."""
    with np.load(label) as data:
        mesh, score = data["points"], data["score"]
    crops, matrices, numbers = [], [], []
    for number, frame in enumerate(frames_of(path)):
        if score[number] <= 0:
            continue
        found = detector([frame], DETECT_SIDE)[0]
        if not len(found) or found.landmarks is None:
            continue
        five = five_of(mesh[number])
        off = np.linalg.norm(found.landmarks - five, axis=2).mean(1) / np.linalg.norm(five[1] - five[0])
        best = int(off.argmin())
        if off[best] > NEAR:
            continue
        crop = aligned_crop(found.landmarks[best], SIDE)
        crops.append(crop.cut(frame))
        matrices.append(crop.to_crop)
        numbers.append(number)
    kept = np.array(numbers, np.int64)
    return EvalClip(name, np.array(crops, np.uint8), np.array(matrices), mesh[kept], kept)


def load_clips(folder: Path) -> list[EvalClip]:
    """Read what `main` wrote, in the order of the names."""
    clips = []
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path) as data:
            fields = {key: data[key] for key in ("crops", "to_crop", "mesh", "number")}
        clips.append(EvalClip(str(path.relative_to(folder).with_suffix("")), **fields))
    return clips


def main(argv: list[str] | None = None) -> None:
    """Cut all evaluation clips."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    detector = Detector(load_network("edge_detect", device="cpu", threads=1))
    for path in sorted(p for p in (args.corpus / "eval").rglob("*") if p.suffix in VIDEOS):
        name = path.relative_to(args.corpus).with_suffix("")
        out = (args.out / name).with_suffix(".npz")
        clip = cut_clip(path, (args.mesh / name).with_suffix(".npz"), detector, str(name))
        out.parent.mkdir(parents=True, exist_ok=True)
        np.savez(out, crops=clip.crops, to_crop=clip.to_crop, mesh=clip.mesh, number=clip.number)
        print(f"{name}: {len(clip.number)} frames", flush=True)


if __name__ == "__main__":
    main()
