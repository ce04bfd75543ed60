"""Measure a landmark network on people that it never saw, against the mesh teacher.

python -m training landmarks.measure --graph models_onnx/edge_landmarks.fp32.onnx models_onnx/edge_landmarks.int8.onnx
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.measure import best_ms
from lipsync_edge.face.landmarks import LIPS, Landmarker, Landmarks
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.network import Network
from lipsync_edge.models.spec import load_spec
from training.cli import WORK, command, parse
from training.landmarks.eval_crops import EvalClip, load_clips
from training.landmarks.points import VERTICES, canonical_mesh, head_pose
from training.teachers.mesh_v2 import TASK
from training.teachers.mouth_measures import mouth_measures

Array = npt.NDArray[Any]
Row = dict[str, Any]

CHOOSE = ("address_woman_a", "address_woman_c", "german_man_a", "matrix_man_a", "presenter_woman_a", "small_a",
          "talk_woman_d", "webcam_woman_a")  # fmt: skip
STILL = 0.01  # of the eye distance a frame: slower than this, the head rests
MEASURES = ("opening", "width", "jaw")


def open_file(path: Path, device: str = "cpu", threads: int = 1) -> Landmarker:
    """Open an .onnx file that stands in no manifest yet."""
    return Landmarker(Network(load_spec("edge_landmarks"), open_backend(path, device, threads)))


def find(landmarker: Landmarker, crops: Array) -> list[Landmarks]:
    """Run over crops uint8 (T, 128, 128, 3) in batches."""
    return [one for start in range(0, len(crops), 32) for one in landmarker(list(crops[start : start + 32]))]


def in_frame(clip: EvalClip, found: list[Landmarks], side: int) -> Array:
    """Return the points in frame pixels, float32 (T, 78, 2)."""
    rows = []
    for one, matrix in zip(found, clip.to_crop, strict=True):
        inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
        rows.append(one.in_frame(inverse, side))
    return np.stack(rows)


def correlation(a: Array, b: Array) -> float:
    """Pearson's r."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def trembling(points: Array, unit: Array, number: Array) -> tuple[Array, Array]:
    """Return second differences over the eye distance, (n,) means over points, and whether the face rests there."""
    steady = np.nonzero((np.diff(number)[:-1] == 1) & (np.diff(number)[1:] == 1))[0]
    second = points[steady + 2] - 2 * points[steady + 1] + points[steady]
    moved = np.linalg.norm(points[steady + 2].mean(1) - points[steady].mean(1), axis=1) / 2
    size = unit[steady + 1]
    return np.linalg.norm(second, axis=2).mean(1) / size, moved / size < STILL


def clip_row(clip: EvalClip, found: list[Landmarks], canonical: Array, side: int = 128) -> Row:
    """Return the figures of one clip."""
    chosen = clip.mesh[:, list(VERTICES)]
    eyes = [clip.mesh[:, pair].mean(1) for pair in ([33, 133], [362, 263])]
    unit = np.linalg.norm(eyes[1] - eyes[0], axis=1)
    points = in_frame(clip, found, side)
    off = np.linalg.norm(points - chosen[..., :2], axis=2) / unit[:, None]
    teacher = mouth_measures(clip.mesh)
    mouths = [one.mouth() for one in found]
    made = {key: np.array([getattr(m, key) for m in mouths]) for key in MEASURES}
    want_pose = np.stack([head_pose(mesh, canonical) for mesh in clip.mesh])
    pose = np.stack([one.pose for one in found])
    pose[:, 2] -= np.degrees(np.arctan2(clip.to_crop[:, 1, 0], clip.to_crop[:, 0, 0]))
    ours, rests = trembling(points[:, LIPS], unit, clip.number)
    theirs, _ = trembling(chosen[:, LIPS, :2], unit, clip.number)
    rests &= trembling(chosen[:, LIPS, :2], unit, clip.number)[1]
    row: Row = {
        "clip": clip.name,
        "frames": len(found),
        "yaw": float(np.abs(want_pose[:, 0]).mean()),
        "eye_distance_px": float(unit.mean()),
        "lips_off": float(off[:, LIPS].mean()),
        "rest_off": float(off[:, 40:].mean()),
        "pose_off": np.abs((pose - want_pose + 180) % 360 - 180).mean(0).tolist(),
        "jitter": float(ours[rests].mean()) if rests.any() else None,
        "teacher_jitter": float(theirs[rests].mean()) if rests.any() else None,
        "confidence": float(np.mean([one.confidence for one in found])),
    }
    for key in MEASURES:
        truth = getattr(teacher, key)
        row[f"{key}_r"] = correlation(made[key], truth)
        row[f"{key}_spread"] = float(made[key].std() / max(truth.std(), 1e-6))
        row[f"{key}_bias"] = float((made[key] - truth).mean())
    return row


def rounded(value: Any) -> Any:
    """Round floats to four significant digits, at any depth."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def mean_of(rows: list[Row]) -> Row:
    """Return the mean over clips of every figure."""
    keys = [key for key, value in rows[0].items() if isinstance(value, float)]
    out: Row = {"clips": len(rows)}
    for key in keys:
        values = [row[key] for row in rows if row[key] is not None]
        out[key] = float(np.mean(values)) if values else None
    out["pose_off"] = np.mean([row["pose_off"] for row in rows], axis=0).tolist()
    return out


def measure(landmarker: Landmarker, clips: list[EvalClip], canonical: Array) -> Row:
    """Return rows of all clips and their means over the parts of the evaluation set."""
    rows = [clip_row(clip, find(landmarker, clip.crops), canonical) for clip in clips]
    natural = [row for row in rows if "/natural/" in row["clip"]]
    choose = [row for row in natural if row["clip"].split("/")[-1] in CHOOSE]
    report = [row for row in natural if row not in choose]
    others = [row for row in rows if row not in natural]
    parts = {"choose": choose, "report": report, "other": others}
    return {"mean": {name: mean_of(part) for name, part in parts.items() if part}, "clips": rows}


def times(path: Path, crop: Array) -> Row:
    """Return the shortest time a face in milliseconds on ONNX Runtime and OpenVINO, on one and two cores."""
    backends = {
        f"{name}_{threads}": open_backend(path, device, threads)
        for name, device in (("onnxruntime", "cpu"), ("openvino", "openvino:CPU"))
        for threads in (1, 2)
    }
    return {
        name: best_ms(partial(backend.run, {"face": crop[None]}), 200, 5)
        for name, backend in backends.items()
    }


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, out=Path("benchmarks/results/train_edge_landmarks.json"))
    parser.add_argument("--graph", type=Path, nargs="+", required=True, help=".onnx files")
    parser.add_argument("--crops", type=Path, default=WORK / "landmarks" / "eval_crops")
    parser.add_argument("--task", type=Path, default=TASK)
    parser.add_argument("--part", default="eval", help="folder below the crops")
    parser.add_argument("--what", default="", help="of these crops, added to the name of the row")
    parser.add_argument("--device", default="cpu")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the means, and write them beside what the file holds already."""
    options = parse(arguments(), argv)
    clips, canonical = load_clips(options.crops, options.part), canonical_mesh(options.task)
    rows: Row = {}
    for path in options.graph:
        row = measure(open_file(path, options.device), clips, canonical)
        if not options.what:
            row["ms"] = times(path, clips[0].crops[0])
        name = path.name.split(".")[-2] + (f", {options.what}" if options.what else "")
        rows[name] = rounded(row)
        print(json.dumps({name: rows[name]["mean"]}, indent=1), flush=True)
    known = json.loads(options.out.read_text()) if options.out.is_file() else {}
    options.out.write_text(json.dumps(known | rows, indent=1) + "\n")
