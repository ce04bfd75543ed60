"""Labels of the finer mesh in the files that the mouth renderer reads, and the crops that belong to them.

python -m training lips.mesh_labels --mesh MESH

Reads what `teachers.label_mesh` wrote and writes `train.npz`, `train_crops.npy`, `faces.npz` and
`faces_crops_fine.npy` as `data.labels` describes them, of as much as has been labelled.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.cli import WORK, command, parse
from training.data.labels import CROP_SIDE, crop_matrix, crop_still, cut_frame, head_pose
from training.lips.labelled import FINE_CROPS
from training.lips.views import FINE
from training.teachers.label_mesh import frames_of

Array = npt.NDArray[Any]

POINTS = 468  # of the mesh's 478: the irises are left out
MOST_CLIPS = 60  # of one person


class Rows:
    """Labels that are gathered file by file."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {
            key: [] for key in ("points", "score", "pose", "matrix", "size", "clip", "frame", "time")
        }
        self.paths: list[str] = []

    def add(self, mesh: Array, score: float, size: Array, frame: int) -> Array:
        """Take the label of one frame of the last path; return its crop's matrix, float64 (2, 3)."""
        points = mesh[:POINTS]
        matrix = crop_matrix(points) if score > 0 else np.eye(2, 3)
        row = (points, score, head_pose(points), matrix, size, len(self.paths) - 1, frame, frame / 25.0)
        for key, value in zip(self.values, row, strict=True):
            self.values[key].append(value)
        return matrix

    def save(self, path: Path) -> None:
        """Write them as .npz."""
        kinds = {"size": np.int32, "clip": np.int32, "frame": np.int32, "time": np.float64}
        arrays: dict[str, Any] = {k: np.asarray(v, kinds.get(k, np.float32)) for k, v in self.values.items()}
        np.savez(path, paths=np.array(self.paths), **arrays)


def clips(corpus: Path, mesh: Path) -> tuple[Rows, list[Array]]:
    """Return labels and crops, uint8 (160, 160, 3), of every frame of the labelled training clips."""
    rows, crops = Rows(), []
    for person in sorted((mesh / "train").iterdir()):
        for label in sorted(p for p in person.glob("*.npz") if ".tmp" not in p.name)[:MOST_CLIPS]:
            path = Path("train") / person.name / f"{label.stem}.mkv"
            rows.paths.append(str(path))
            with np.load(label) as data:
                points, score, size = data["points"], data["score"], data["size"]
            for k, frame in enumerate(frames_of(corpus / path)):
                matrix = rows.add(points[k], float(score[k]), size, k)
                crops.append(cut_frame(frame, matrix))
    return rows, crops


def stills(corpus: Path, mesh: Path) -> tuple[Rows, list[Array]]:
    """Return labels and fine crops, uint8 (320, 320, 3), of the labelled stills."""
    rows, crops = Rows(), []
    for folder in sorted(p for p in (mesh / "faces").glob("*.npz") if ".tmp" not in p.name):
        with np.load(folder) as data:
            labels = [data[key] for key in ("names", "points", "score", "size")]
        for name, points, score, size in zip(*labels, strict=True):
            rows.paths.append(f"faces/{name}")
            matrix = rows.add(points, float(score), size, 0)
            crops.append(crop_still(corpus / "faces" / str(name), matrix, FINE))
    return rows, crops


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", out=WORK / "mesh_labels")
    parser.add_argument("--mesh", type=Path, default=WORK / "mesh", help="what teachers.label_mesh wrote")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the files."""
    options = parse(arguments(), argv)
    options.out.mkdir(parents=True, exist_ok=True)
    for part, read, name, side in (
        ("train", clips, "train_crops.npy", CROP_SIDE),
        ("faces", stills, FINE_CROPS, CROP_SIDE * FINE),
    ):
        rows, crops = read(options.corpus, options.mesh)
        np.save(options.out / name, np.stack(crops).reshape(-1, side, side, 3))
        rows.save(options.out / f"{part}.npz")
        print(f"{part}: {len(crops)} pictures of {len(rows.paths)} files", flush=True)
