"""Measure `edge_detect` on the evaluation clips against the landmark teacher.

python -m training evaluate.detector
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.models.telemetry import import_onnxruntime
from training.cli import command, parse
from training.data.sources import five_points, mesh_box
from training.detector.targets import decode, merge, overlap, priors

Array = npt.NDArray[Any]
LONG_SIDE = 320


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the detector says of one frame, in pixels of the scaled frame."""

    boxes: Array
    scores: Array
    landmarks: Array


class Detector:
    """The exported graph with decoding, on frames scaled so that the long side is at most 320 pixels."""

    def __init__(self, path: Path, threshold: float, blend: bool = True) -> None:
        """Open the graph on one core."""
        ort = import_onnxruntime()

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._threshold, self._blend = threshold, blend

    def __call__(self, frame_bgr: Array) -> Found:
        """Detect in a frame uint8 (H, W, 3)."""
        scores, offsets, points = self._session.run(None, {"frame": frame_bgr[None]})
        grid = priors(*frame_bgr.shape[:2])
        raw = decode(grid, scores[0], offsets[0], points[0], self._threshold)
        return Found(*merge(*raw, 0.3, self._blend))


@dataclass(frozen=True, slots=True)
class ClipRow:
    """Figures of one clip.

    Attributes:
        recall: share of the teacher's faces found at IoU 0.5.
        false_per_100: boxes that no teacher face overlaps (IoU 0.3), per 100 frames; the teacher labels one
            face a frame, so a second real face counts as false.
        landmark_error: mean distance over the teacher's eye distance; `p95`: its 95th percentile over frames.
        bias: the same after averaging the signed error over the clip (a constant shift, which is harmless).
        jitter: noise of the landmarks from frame to frame over the eye distance; `teacher_jitter`: its own.
        box_jitter: noise of the box edges over the box height.
    """

    clip: str
    frames: int
    face_share: float
    recall: float
    false_per_100: float
    mean_iou: float
    landmark_error: float
    landmark_error_p95: float
    bias: float
    jitter: float
    teacher_jitter: float
    box_jitter: float


def scaled(frame_bgr: Array) -> tuple[Array, float]:
    """Shrink a frame so that the long side is at most 320 pixels, as the runtime does; also the scale."""
    scale = min(1.0, LONG_SIDE / max(frame_bgr.shape[:2]))
    size = (round(frame_bgr.shape[1] * scale), round(frame_bgr.shape[0] * scale))
    return np.asarray(cv2.resize(frame_bgr, size, interpolation=cv2.INTER_AREA)), scale


def frames_of(path: Path) -> Iterator[Array]:
    """Yield the frames of a clip, uint8 (H, W, 3) BGR."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="bgr24")


def noise(track: Array) -> float:
    """Return the mean size of the second difference of positions (t, n, 2): zero for smooth movement."""
    if len(track) < 3:
        return 0.0
    second = track[2:] - 2 * track[1:-1] + track[:-2]
    return float(np.median(np.linalg.norm(second, axis=-1)) / np.sqrt(6))


def measure_clip(detector: Detector, path: Path, meshes: Array, valid: Array) -> ClipRow:
    """Compare with the teacher's meshes (frames, 468, 2) in pixels of the source."""
    hits: list[float] = []
    false, errors, marks, wanted, boxes, heights, sizes = 0, [], [], [], [], [], []
    for number, frame in enumerate(frames_of(path)):
        if number >= len(meshes) or not valid[number]:
            continue
        small, scale = scaled(frame)
        mesh = (meshes[number] + 0.5) * scale - 0.5
        found, truth, five = detector(small), mesh_box(mesh), five_points(mesh)
        iou = overlap(truth, found.boxes) if len(found.boxes) else np.zeros(0)
        false += int((iou < 0.3).sum())
        hits.append(float(iou.max()) if len(iou) else 0.0)
        heights.append((truth[3] - truth[1]) / small.shape[0])
        if hits[-1] >= 0.5:
            best = int(iou.argmax())
            eyes = float(np.linalg.norm(five[1] - five[0]))
            errors.append((found.landmarks[best] - five) / eyes)
            marks.append(found.landmarks[best])
            wanted.append(five)
            boxes.append(found.boxes[best].reshape(2, 2))
            sizes.append((eyes, truth[3] - truth[1]))
    error = np.array(errors).reshape(-1, 5, 2)
    size = np.linalg.norm(error, axis=-1).mean(1) if len(error) else np.zeros(1)
    eye, tall = np.median(np.array(sizes).reshape(-1, 2), 0) if sizes else (1.0, 1.0)
    return ClipRow(
        path.name, len(hits), float(np.median(heights)), float(np.mean(np.array(hits) >= 0.5)),
        100 * false / max(len(hits), 1), float(np.mean(hits)), float(size.mean()),
        float(np.percentile(size, 95)),
        float(np.linalg.norm(error.mean(0), axis=-1).mean()), noise(np.array(marks) / eye),
        noise(np.array(wanted) / eye),
        noise(np.array(boxes) / tall),
    )  # fmt: skip


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(
        __name__, __doc__, "corpus", "labels", out=Path("benchmarks/results/train_edge_detect.json")
    )
    parser.add_argument("--model", type=Path, default=Path("models_onnx/edge_detect.fp32.onnx"))
    parser.add_argument("--threshold", type=float, default=0.5)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line; writes JSON and prints a table."""
    options = parse(arguments(), argv)
    detector = Detector(options.model, options.threshold)
    rows = []
    with np.load(options.labels / "eval.npz") as data:
        for clip, name in enumerate(data["paths"]):
            mine = data["clip"] == clip
            valid = data["score"][mine] > 0.9
            rows.append(
                measure_clip(detector, options.corpus / str(name), data["points"][mine][:, :, :2], valid)
            )
            print(
                " ".join(f"{v:.4f}" if isinstance(v, float) else str(v) for v in asdict(rows[-1]).values()),
                flush=True,
            )
    weight = np.array([r.frames for r in rows], float)
    keys = [k for k, v in asdict(rows[0]).items() if isinstance(v, float)]
    means = {k: float(np.average([getattr(r, k) for r in rows], weights=weight)) for k in keys}
    print({k: round(v, 4) for k, v in means.items()})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps(
            {"threshold": options.threshold, "mean_over_frames": means, "clips": [asdict(r) for r in rows]},
            indent=1,
        )
    )
