"""How well the mesh teacher agrees with itself when its crop is placed a little otherwise: what a pupil cannot pass.

python -m training landmarks.teacher_noise
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.cli import WORK, command, parse
from training.landmarks.measure import MEASURES, correlation, rounded
from training.landmarks.points import VERTICES
from training.landmarks.store import Refiner
from training.teachers.label_mesh import VIDEOS, frames_of
from training.teachers.mesh_v2 import TASK
from training.teachers.mouth_measures import mouth_measures

LIPS = list(VERTICES[:40])


def clip_row(path: Path, label: Path, again: Refiner, most: int) -> dict[str, Any]:
    """Return r of the measures and the mean distance of the lips between two placements, over `most` frames."""
    with np.load(label) as data:
        first, score = data["points"][:most], data["score"][:most]
    looks = zip(frames_of(path), first, strict=False)
    # of a mean of two, the other one
    second = np.stack([2 * again(frame, mesh) - mesh for frame, mesh in looks])
    first, second = first[score > 0], second[score > 0]
    unit = np.linalg.norm(first[:, [33, 133]].mean(1) - first[:, [362, 263]].mean(1), axis=1)
    off = np.linalg.norm(first[:, LIPS, :2] - second[:, LIPS, :2], axis=2).mean(1) / unit
    a, b = mouth_measures(first), mouth_measures(second)
    r = {f"{key}_r": correlation(getattr(a, key), getattr(b, key)) for key in MEASURES}
    return {"clip": path.stem, "frames": len(first), "lips_off": float(off.mean()), **r}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", out=Path("benchmarks/results/train_edge_landmarks.json"))
    parser.add_argument("--task", type=Path, default=TASK)
    parser.add_argument("--mesh", type=Path, default=WORK / "mesh", help="what teachers.label_mesh wrote")
    parser.add_argument("--frames", type=int, default=150, help="of each clip")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure on eval/natural and add the row `teacher_again` to a file."""
    options = parse(arguments(), argv)
    again, folder = Refiner(options.task, 1), Path("eval") / "natural"
    paths = sorted(p for p in (options.corpus / folder).iterdir() if p.suffix in VIDEOS)
    labels = options.mesh / folder
    rows = [clip_row(p, labels / f"{p.stem}.npz", again, options.frames) for p in paths]
    keys = ("lips_off", *(f"{key}_r" for key in MEASURES))
    mean = {key: float(np.mean([row[key] for row in rows])) for key in keys}
    whole = json.loads(options.out.read_text()) if options.out.is_file() else {}
    whole["teacher_again"] = rounded({"mean": mean, "clips": rows})
    options.out.write_text(json.dumps(whole, indent=1) + "\n")
    print(json.dumps(rounded(mean)))
