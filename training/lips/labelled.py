"""What the mouth renderer learns from: the labelled frames of clips, and the labelled stills."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.labels import crop_still
from training.lips import coefficients as shape
from training.lips import views
from training.lips.coefficients import ShapeModel

Array = npt.NDArray[Any]

MAX_YAW = 32.0
MAX_YAW_STILL = 42.0
OPEN = 0.075  # of the eye distance: a still this open can be a target
FINE_CROPS = "faces_crops_fine.npy"


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Frames of clips, n of them.

    Attributes:
        crops: uint8 (m, s, s, 3), stored crops of all frames that were labelled.
        rows: int (n,), of the crops.
        points: float32 (n, 468, 2), meshes in stored crops.
        coefficients: float32 (n, 8).
        model: in whose units the meshes move by them.
        yaw: float (n,), degrees.
        after: the frame that follows each in its clip, or itself.
        gaps: float64 (n,), openings in eye distances.
        clip: int (n,), clip of each.
        of_clip: the frames of each clip.
        of_speaker: the frames of each speaker.
        share: float64, how often each speaker is drawn: the root of how much there is of them.
    """

    crops: Array
    rows: Array
    points: Array
    coefficients: Array
    model: ShapeModel
    yaw: Array
    after: Array
    gaps: Array
    clip: Array
    of_clip: dict[int, Array]
    of_speaker: list[Array]
    share: Array

    @classmethod
    def read(cls, labels: Path, model: ShapeModel) -> Frames:
        """Read what `training.lips.mesh_labels` wrote, as coefficients along the axes of a model."""
        with np.load(labels / "train.npz") as data:
            good = np.flatnonzero((data["score"] > 0.9) & (np.abs(data["pose"][:, 0]) < MAX_YAW))
            points = data["points"][good][:, :, :2].astype(np.float64)
            clip, matrix, paths = data["clip"][good], data["matrix"][good], data["paths"]
            yaw, number = data["pose"][good][:, 0], data["frame"][good]
        speaker = np.array([str(p).split("/")[1] for p in paths])[clip]
        names, inverse, count = np.unique(speaker, return_inverse=True, return_counts=True)
        coefficients, own = shape.codes_in(model, points, clip, 1 / np.sqrt(count[inverse]))
        share = np.sqrt(count)
        following = np.minimum(np.arange(len(good)) + 1, len(good) - 1)
        follows = (clip[following] == clip) & (number[following] == number + 1)
        return cls(
            crops=np.load(labels / "train_crops.npy", mmap_mode="r"),
            rows=good,
            points=shape.apply(matrix.astype(np.float64), points).astype(np.float32),
            coefficients=coefficients,
            model=own,
            yaw=yaw,
            after=np.where(follows, following, np.arange(len(good))),
            gaps=shape.gap(points),
            clip=clip,
            of_clip={int(c): np.flatnonzero(clip == c) for c in np.unique(clip)},
            of_speaker=[np.flatnonzero(speaker == name) for name in names],
            share=share / share.sum(),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Stills:
    """Stills, n of them.

    Attributes:
        crops: uint8 (m, s, s, 3), fine crops of all stills.
        rows: int (n,), of the crops.
        points: float32 (n, 468, 2), meshes in stored crops.
        yaw: float (n,), degrees.
        sharp: bool (n,), whether their crops hold detail at their full resolution.
        open: int, which of the n have an open mouth.
        shut: int, which of the n are sharp and have a shut one.
    """

    crops: Array
    rows: Array
    points: Array
    yaw: Array
    sharp: Array
    open: Array
    shut: Array

    @classmethod
    def read(cls, corpus: Path, labels: Path) -> Stills:
        """Read what `training.lips.mesh_labels` wrote; cuts fine crops that are missing."""
        with np.load(labels / "faces.npz") as data:
            yaw = data["pose"][:, 0]
            size = np.hypot(*(data["points"][:, 263, :2] - data["points"][:, 33, :2]).T)
            good = np.flatnonzero((data["score"] > 0.95) & (np.abs(yaw) < MAX_YAW_STILL) & (size > 40))
            points = data["points"][good][:, :, :2].astype(np.float64)
            matrix = data["matrix"].astype(np.float64)
            paths = [str(data["paths"][i]) for i in data["clip"]]
        if not (labels / FINE_CROPS).is_file():
            fine = [crop_still(corpus / path, matrix[i], views.FINE) for i, path in enumerate(paths)]
            np.save(labels / FINE_CROPS, np.stack(fine))
        gaps, sharp = shape.gap(points), size[good] > 85
        return cls(
            crops=np.load(labels / FINE_CROPS, mmap_mode="r"),
            rows=good,
            points=shape.apply(matrix[good], points).astype(np.float32),
            yaw=yaw[good],
            sharp=sharp,
            open=np.flatnonzero(gaps > OPEN),
            shut=np.flatnonzero((gaps < shape.CLOSED) & sharp),
        )
