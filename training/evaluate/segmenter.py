"""Measure `edge_segment` on evaluation clips and held-out stills against the teacher's polygons.

python -m training evaluate.segmenter
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.models.telemetry import import_onnxruntime
from training.cli import command, parse
from training.data.occluders import occlude
from training.segmenter.network import CLASSES
from training.segmenter.regions import MAP, SIDE, RegionPool, moved, region_maps

Array = npt.NDArray[Any]


class Segmenter:
    """The exported graph on one core: crop uint8 (128, 128, 3) → float32 (4, 64, 64)."""

    def __init__(self, path: Path) -> None:
        """Open the graph."""
        ort = import_onnxruntime()

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, crop_bgr: Array) -> Array:
        """Segment one crop."""
        return np.asarray(self._session.run(None, {"face": crop_bgr[None]})[0][0])


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """Figures of one clip or set.

    Attributes:
        iou: intersection over union of each class (winner per cell) over all pictures; the mouth's inside is
            often a sliver, where one cell counts much.
        flicker: mean change of the paste probability between neighbouring frames, over the cells where the
            teacher's mask does not change; `teacher_flicker`: change of its masks over all cells.
    """

    name: str
    pictures: int
    iou: dict[str, float]
    flicker: float
    teacher_flicker: float


def measure(segmenter: Segmenter, name: str, pairs: list[tuple[Array, Array]], video: bool) -> SegmentRow:
    """Compare over (crop, maps) pairs."""
    shared, either = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
    changes, teacher_changes = [], []
    before: tuple[Array, Array] | None = None
    for crop, maps in pairs:
        made = segmenter(crop)
        for index in range(len(CLASSES)):
            a, b = made.argmax(0) == index, maps.argmax(0) == index
            shared[index] += (a & b).sum()
            either[index] += (a | b).sum()
        now = (1 - made[0], 1 - maps[0])
        if video and before is not None:
            still = np.abs(now[1] - before[1]) < 0.02
            changes.append(float(np.abs(now[0] - before[0])[still].mean()))
            teacher_changes.append(float(np.abs(now[1] - before[1]).mean()))
        before = now
    iou = {c: float(s / max(e, 1)) for c, s, e in zip(CLASSES, shared, either, strict=True)}
    mean = float(np.mean(changes)) if changes else 0.0
    return SegmentRow(
        name, len(pairs), iou, mean, float(np.mean(teacher_changes)) if teacher_changes else 0.0
    )


def eval_pairs(labels: Path, every: int = 1) -> dict[str, list[tuple[Array, Array]]]:
    """Return the aligned crops of the evaluation clips with the teacher's maps, by clip."""
    crops = np.load(labels / "eval_crops.npy", mmap_mode="r")
    pairs: dict[str, list[tuple[Array, Array]]] = {}
    with np.load(labels / "eval.npz") as data:
        points, matrix, score = data["points"][:, :, :2], data["matrix"], data["score"]
        for clip, name in enumerate(data["paths"]):
            rows = np.nonzero((data["clip"] == clip) & (score > 0.9))[0][::every]
            pairs[Path(str(name)).name] = [
                _pair(crops[r], points[r] @ matrix[r][:, :2].T + matrix[r][:, 2]) for r in rows
            ]
    return pairs


def _pair(stored: Array, points: Array) -> tuple[Array, Array]:
    crop, inside = moved(np.asarray(stored), points, np.eye(2, 3))
    return crop, region_maps(inside)


def hidden_share(segmenter: Segmenter, pairs: list[tuple[Array, Array]], seed: int = 0) -> float:
    """Return the share of covered face cells that are rightly called rest, with drawn occluders."""
    rng = np.random.default_rng(seed)
    right = total = 0
    for crop, maps in pairs:
        crop = crop.copy()
        alpha = occlude(rng, crop, np.array([64.0, 85.0]) + rng.normal(0, 12, 2), rng.uniform(12, 35))
        covered = (cv2.resize(alpha, (MAP, MAP), interpolation=cv2.INTER_AREA) > 0.9) & (maps[0] < 0.1)
        right += int((segmenter(crop)[0][covered] > 0.5).sum())
        total += int(covered.sum())
    return right / max(total, 1)


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "labels", out=Path("benchmarks/results/train_edge_segment.json"))
    parser.add_argument("--model", type=Path, default=Path("models_onnx/edge_segment.fp32.onnx"))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line; writes JSON and prints a table."""
    options = parse(arguments(), argv)
    segmenter = Segmenter(options.model)
    pool = RegionPool(options.labels, held_out=True)
    stills = [pool.plain(row) for row in range(len(pool.crops))]
    rows = [measure(segmenter, "held-out stills", stills, video=False)]
    clips = eval_pairs(options.labels)
    rows += [measure(segmenter, name, pairs, video=True) for name, pairs in clips.items()]
    rows.append(
        measure(
            segmenter, "all evaluation clips", [p for pairs in clips.values() for p in pairs], video=False
        )
    )
    for row in rows:
        print(
            row.name,
            row.pictures,
            {k: round(v, 3) for k, v in row.iou.items()},
            f"{row.flicker:.4f}",
            flush=True,
        )
    hidden = hidden_share(segmenter, stills)
    print(f"covered face cells called rest: {hidden:.3f}; crop {SIDE}, map {MAP}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps({"covered_called_rest": hidden, "sets": [asdict(r) for r in rows]}, indent=1)
    )
