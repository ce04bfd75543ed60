"""Labelled faces for the small networks: stills and a choice of corpus frames, with landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAX_YAW = 58.0
MIN_SCORE = 0.9
HELD_OUT = 10  # every tenth still is kept for measuring


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One labelled face.

    Attributes:
        image_bgr: uint8 (H, W, 3).
        points: float32 (468, 2), pixels of the image.
        held_out: kept from training.
    """

    image_bgr: Array
    points: Array
    held_out: bool


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The rows of one labelled part that are good enough to learn from.

    Attributes:
        rows: int64 (n,), row numbers in the part's arrays (and in its crops).
        points: float32 (n, 468, 2), pixels of the source frame.
        matrix: float32 (n, 2, 3), source pixels to stored crop pixels.
        paths: source path of each row.
        frame: int64 (n,), frame number in its clip.
        people: name of the person of each row (the folder).
    """

    rows: Array
    points: Array
    matrix: Array
    paths: list[str]
    frame: Array
    people: Array


def five_points(points: Array) -> Array:
    """Return eye centres, nose tip and mouth corners, float32 (5, 2), of a mesh (468, 2)."""
    p = points
    return np.stack([(p[33] + p[133]) / 2, (p[362] + p[263]) / 2, p[1], p[61], p[291]]).astype(np.float32)


def mesh_box(points: Array) -> Array:
    """Return the tight box of a mesh (468, 2), xyxy float32 (4,)."""
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)


def read_labels(folder: Path, part: str) -> Labels:
    """Read `PART.npz`, dropping rows without a sure face and profiles whose mesh is a guess."""
    with np.load(folder / f"{part}.npz", allow_pickle=False) as data:
        good = (data["score"] > MIN_SCORE) & (np.abs(data["pose"][:, 0]) < MAX_YAW)
        good &= (data["size"] >= 32).all(1)
        rows = np.nonzero(good)[0]
        names = [str(p) for p in data["paths"]]
        paths = [names[c] for c in data["clip"][rows]]
        people = np.array([p.split("/")[1] for p in paths])
        return Labels(
            rows, data["points"][rows, :, :2], data["matrix"][rows], paths, data["frame"][rows], people
        )


def balanced(labels: Labels, per_person: int, seed: int = 0) -> Array:
    """Choose at most `per_person` rows of each person; returns positions into `labels`, int64 (n,)."""
    rng = np.random.default_rng(seed)
    chosen = []
    for person in np.unique(labels.people):
        mine = np.nonzero(labels.people == person)[0]
        chosen.append(rng.permutation(mine)[:per_person])
    return np.sort(np.concatenate(chosen))


def is_held_out(positions: Array) -> Array:
    """Tell which rows of the stills are kept for measuring, bool (n,)."""
    return np.asarray(positions) % HELD_OUT == 0


def load_stills(corpus: Path, labels: Labels, longest: int = 384) -> list[Face]:
    """Read the stills of `labels`, shrunk so that the longer side is at most `longest` pixels."""
    faces = []
    for position, (path, points) in enumerate(zip(labels.paths, labels.points, strict=True)):
        image = cv2.imread(str(corpus / path), cv2.IMREAD_COLOR)
        if image is None:
            continue
        faces.append(_shrunk(image, points, longest, bool(is_held_out(labels.rows[position]))))
    return faces


def load_frames(corpus: Path, labels: Labels, chosen: Array, longest: int = 384) -> list[Face]:
    """Decode the chosen rows of a labelled video part."""
    faces = []
    by_path: dict[str, dict[int, int]] = {}
    for position in chosen:
        by_path.setdefault(labels.paths[position], {})[int(labels.frame[position])] = int(position)
    for path, wanted in by_path.items():
        last = max(wanted)
        with av.open(str(corpus / path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in wanted:
                    image = frame.to_ndarray(format="bgr24")
                    faces.append(_shrunk(image, labels.points[wanted[number]], longest, held_out=False))
                if number >= last:
                    break
    return faces


def _shrunk(image: Array, points: Array, longest: int, held_out: bool) -> Face:
    scale = min(1.0, longest / max(image.shape[:2]))
    if scale < 1.0:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        points = (points + 0.5) * scale - 0.5
    return Face(np.ascontiguousarray(image), points.astype(np.float32), held_out)
