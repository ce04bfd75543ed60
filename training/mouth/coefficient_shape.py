"""What the mouth coefficients mean: opening, width and jaw as linear functions of them, fitted on training people.

    python -m training.mouth.coefficient_shape --corpus ../shared/corpus --renderer R.onnx --out shape.npz

The renderer estimates the coefficients of the mouth that it sees; the teacher's mesh says how far that mouth is open,
how wide it is and how low the chin hangs, in eye distances. Coefficients are 0 for a speaker's own closed mouth, so
width and jaw are taken relative to the median of the clip's least open frames.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from export.train.labels import five_points
from export.train.lips_shape import CLOSED, EYES, gap
from lipsync_edge.crop import aligned_crop
from lipsync_edge.reader import VideoReader
from training.teachers.mesh_v2 import MeshTeacher

Array = npt.NDArray[Any]

CORNERS, CHIN, BROW = (61, 291), 152, 168


def mouth_shape(points: Array) -> Array:
    """Return opening, width and jaw in eye distances, float (n, 3), of meshes (n, ≥ 468, 2)."""
    eyes = np.linalg.norm(points[:, EYES[0]] - points[:, EYES[1]], axis=-1)
    width = np.linalg.norm(points[:, CORNERS[0]] - points[:, CORNERS[1]], axis=-1) / eyes
    jaw = np.linalg.norm(points[:, CHIN] - points[:, BROW], axis=-1) / eyes
    return np.stack([gap(points), width, jaw], -1)


def from_closed(shape: Array) -> Array:
    """Return shapes (n, 3) with width and jaw relative to the speaker's own closed mouth."""
    shut = shape[:, 0] <= max(np.nanquantile(shape[:, 0], 0.2), CLOSED / 2)
    return shape - np.array([CLOSED / 2, *np.nanmedian(shape[shut, 1:], 0)])


def read_pairs(session: ort.InferenceSession, teacher: MeshTeacher, path: Path) -> tuple[Array, Array]:
    """Return seen coefficients (n, 8) and shapes (n, 3) of a clip's frames."""
    crops, points = [], []
    teacher.reset()
    for number, frame in enumerate(VideoReader(path)):
        mesh = teacher(frame.image_bgr) if number % 2 == 0 else None
        if mesh is not None:
            flat = mesh.points[:, :2].astype(np.float32)
            points.append(flat)
            crops.append(aligned_crop(five_points(flat[:468]), 128).cut(frame.image_bgr))
    if len(crops) < 10:
        return np.zeros((0, 8)), np.zeros((0, 3))
    none = np.zeros((len(crops), 8), np.float32)
    seen = session.run(["seen"], {"face": np.stack(crops), "coefficients": none})[0]
    return np.asarray(seen), from_closed(mouth_shape(np.stack(points)))


def fit(seen: Array, shape: Array) -> tuple[Array, Array]:
    """Return the linear map, float32 (3, 8), and R² of each of its rows."""
    mapped, *_ = np.linalg.lstsq(seen, shape, rcond=None)
    left = ((shape - seen @ mapped) ** 2).sum(0) / ((shape - shape.mean(0)) ** 2).sum(0)
    return mapped.T.astype(np.float32), 1 - left


def main() -> None:
    """Fit on every second person's clips, say how well it holds for the others, then fit on all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--task", type=Path, default=Path("../shared/teachers/face_landmarker.task"))
    parser.add_argument("--renderer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=3, help="of each person, at most")
    options = parser.parse_args()
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = 1
    session, teacher = ort.InferenceSession(str(options.renderer), settings), MeshTeacher(options.task)
    people = sorted((options.corpus / "train").iterdir())
    found = []
    for folder in people:
        clips = [read_pairs(session, teacher, path) for path in sorted(folder.glob("*.mkv"))[: options.clips]]
        found.append(tuple(np.concatenate(part) for part in zip(*clips, strict=True)))
    halves = [tuple(np.concatenate(part) for part in zip(*found[k::2], strict=True)) for k in (0, 1)]
    mapped, _ = fit(*halves[0])
    for k, name in enumerate(("opening", "width", "jaw")):
        r = np.corrcoef(halves[1][0] @ mapped[k], halves[1][1][:, k])[0, 1]
        print(f"{name}: r {r:.3f} on people who were not fitted")
    mapped, known = fit(*(np.concatenate(part) for part in zip(*found, strict=True)))
    np.savez(options.out, to_shape=mapped, r2=known)
    print(mapped.round(4).tolist(), "R2", known.round(3))


if __name__ == "__main__":
    main()
