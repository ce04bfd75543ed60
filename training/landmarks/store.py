"""Cut the faces that the landmark network learns from, once, with room around them for augmentation.

python -m training landmarks.store
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import TEMPLATE, AlignedCrop, similarity
from training.cli import WORK, command, parse
from training.landmarks.points import VERTICES, canonical_mesh, five_points, head_pose
from training.teachers.label_mesh import frames_of
from training.teachers.mesh_v2 import TASK, MeshTeacher, Square, square_of_points
from training.teachers.mouth_measures import mouth_measures

Array = npt.NDArray[Any]

SIDE, NOMINAL = 224, 144  # stored side, and the side of the aligned crop inside it
MARGIN = (SIDE - NOMINAL) // 2
MIN_SCORE, MAX_YAW = 0.8, 65.0
HELD_OUT_STILLS = 20  # every 20th still is kept for choosing
HELD_OUT_PEOPLE = ("s20", "s34")
FRAMES_OF_CLIP = {"s1": 8, "s4": 24}  # people with many clips; of the others every frame is kept


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One face: crop uint8 (224, 224, 3) BGR, points float32 (78, 3) in its pixels, pose (3,), name and opening."""

    crop: Array
    points: Array
    pose: Array
    name: str
    opening: float


class Refiner:
    """Averages the teacher over several placements of its crop: alone, it is off by over 1 % of the eye distance."""

    def __init__(self, task: Path, views: int) -> None:
        """Look `views` times more at every face; 0: take the labels as they are."""
        self._teacher, self._views = MeshTeacher(task), views
        self._rng = np.random.default_rng(0)

    def __call__(self, image_bgr: Array, mesh: Array) -> Array:
        """Return the mean mesh, float32 (478, 3), of a label and further looks at the same face."""
        square, found = square_of_points(mesh), [mesh]
        for _ in range(self._views):
            dx, dy, scale, turn = self._rng.normal(0, 1, 4) * (0.02, 0.02, 0.05, 0.05)
            x, y = square.x + dx * square.side, square.y + dy * square.side
            other = Square(x, y, square.side * float(np.exp(scale)), square.angle + turn)
            seen = self._teacher.mesh(image_bgr, other)
            if seen.score > MIN_SCORE:
                found.append(seen.points)
        return np.asarray(np.mean(found, axis=0, dtype=np.float32))


def cut_face(image_bgr: Array, mesh: Array, canonical: Array, name: str) -> Row | None:
    """Cut one labelled face; None where it is turned too far for its mesh to be trusted."""
    pose = head_pose(mesh, canonical)
    if abs(float(pose[0])) > MAX_YAW:
        return None
    crop = AlignedCrop(similarity(five_points(mesh), TEMPLATE * NOMINAL - 0.5 + MARGIN), SIDE)
    matrix = crop.to_crop
    chosen = mesh[list(VERTICES)].astype(np.float64)
    points = np.empty((len(VERTICES), 3), np.float32)
    points[:, :2] = chosen[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    points[:, 2] = (chosen[:, 2] - mesh[:, 2].mean()) / crop.scale
    pose[2] += np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    return Row(crop.cut(image_bgr), points, pose, name, float(mouth_measures(mesh[None]).opening[0]))


def stills(corpus: Path, mesh: Path, canonical: Array, refined: Refiner) -> Iterator[Row]:
    """Cut every still with a sure face."""
    for path in sorted((mesh / "faces").glob("*.npz")):
        if ".tmp" in path.name:
            continue
        with np.load(path) as data:
            labels = {key: data[key] for key in ("names", "points", "score")}
        for name, points, score in zip(*labels.values(), strict=True):
            image = cv2.imread(str(corpus / "faces" / str(name)), cv2.IMREAD_COLOR)
            if score >= MIN_SCORE and image is not None:
                row = cut_face(image, refined(image, points), canonical, f"faces/{name}")
                if row is not None:
                    yield row


def clip_rows(
    path: Path, label: Path, name: str, count: int, canonical: Array, refined: Refiner
) -> Iterator[Row]:
    """Cut up to `count` frames of a clip, spread evenly over the range of openings."""
    with np.load(label) as data:
        points, score = data["points"], data["score"]
    sure = np.nonzero(score >= MIN_SCORE)[0]
    order = sure[np.argsort(mouth_measures(points[sure]).opening)]
    chosen = set(order[np.linspace(0, len(order) - 1, min(count, len(order))).astype(int)].tolist())
    for number, frame in enumerate(frames_of(path)):
        if number in chosen:
            row = cut_face(frame, refined(frame, points[number]), canonical, f"{name}#{number}")
            if row is not None:
                yield row


def clips(corpus: Path, mesh: Path, canonical: Array, refined: Refiner) -> Iterator[Row]:
    """Cut frames of the labelled training clips."""
    for label in sorted((mesh / "train").glob("*/*.npz")):
        if ".tmp" in label.name:
            continue
        person = label.parent.name
        path = (corpus / "train" / person / label.stem).with_suffix(".mkv")
        count = FRAMES_OF_CLIP.get(person, 10_000)
        yield from clip_rows(path, label, f"train/{person}/{label.stem}", count, canonical, refined)


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", out=WORK / "landmarks" / "store")
    parser.add_argument("--task", type=Path, default=TASK)
    parser.add_argument("--mesh", type=Path, default=WORK / "mesh", help="what teachers.label_mesh wrote")
    parser.add_argument("--views", type=int, default=4, help="further looks of the teacher at every face")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write crops.npy and rows.npz."""
    options = parse(arguments(), argv)
    corpus, mesh, canonical = options.corpus, options.mesh, canonical_mesh(options.task)
    refined = Refiner(options.task, options.views)
    rows = [*stills(corpus, mesh, canonical, refined), *clips(corpus, mesh, canonical, refined)]
    options.out.mkdir(parents=True, exist_ok=True)
    np.save(options.out / "crops.npy", np.stack([row.crop for row in rows]))
    np.savez(
        options.out / "rows.npz",
        points=np.stack([row.points for row in rows]),
        pose=np.stack([row.pose for row in rows]),
        name=np.array([row.name for row in rows]),
        opening=np.array([row.opening for row in rows], np.float32),
    )
    print(f"{len(rows)} faces", flush=True)
