"""The published networks without their trained weights, converted and quantized: what speed is measured with.

    python -m benchmarks reference untrained [--face CLIP | --corpus DIR] [-o .bench/untrained]

Writes checkpoints of the published shapes with made-up numbers (`tests/golden/checkpoints.py`), their fp32 and int8
ONNX files and a manifest. Numbers do not change how long a multiplication takes, but they do change what comes out,
so two things are set by hand and said in the row of a benchmark:

- The detector's twelve heads answer with constants: one sure face, in the first cell of the coarsest map of a picture
  of any size, whose box is the one that the bundled detector finds in the clip's first frame. The whole network is
  computed, its candidates are decoded and suppressed (77 of them at 1280x720), and the box of a frame of full size is
  right; seen in a smaller copy it is not, there a run must be given `--box`.
- int8 files are not held to the gates of their cards, which mean nothing for made-up numbers: no layer stays in float
  that the card itself does not name.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from benchmarks.rows import ROOT
from benchmarks.source import add_source_options, make_source
from export import checkpoint, qdq
from export.catalogue import feeds
from export.convert import convert
from export.samples import scenes
from export.store import publish, read_files, staging
from lipsync_edge.errors import LipsyncError
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.network import load_network
from lipsync_edge.models.registry import verify_model
from lipsync_edge.models.spec import load_spec
from lipsync_edge.types import F32
from lipsync_edge.video.reader import VideoReader
from tests.golden.checkpoints import make_state, write_checkpoint

NAMES = ("s3fd", "wav2lip", "rrdbnet", "bisenet")
FOLDER = ROOT / ".bench" / "untrained"
COARSEST = "conv7_2"  # stride 128: first cell's centre (64, 64), side 512
CENTRE, SIDE = 64.0, 512.0
SURE = 4.0  # of the logits: probability 0.9997
CALIBRATED = 4  # inputs; ranges of made-up networks need no more


def face_box(clip: Path) -> F32:
    """Return the box, float32 (4,) x1, y1, x2, y2, of the best face in a clip's first frame, in whole pixels."""
    frame = next(iter(VideoReader(clip))).image_bgr
    boxes = Detector(load_network("edge_detect", device="cpu", precision="fp32"))([frame], 320)[0]
    if not len(boxes):
        raise SystemExit(f"no face in the first frame of {clip.name}")
    return np.round(boxes.xyxy[0]).astype(np.float32)


def constant_heads(state: dict[str, npt.NDArray[Any]], box_xyxy: F32) -> dict[str, npt.NDArray[Any]]:
    """Return S3FD's numbers with heads that answer with constants: `box_xyxy`, float32 (4,), and nothing else."""
    corner, far = box_xyxy[:2], box_xyxy[2:]
    offsets = np.concatenate(
        [((corner + far) / 2 - CENTRE) / (0.1 * SIDE), np.log((far - corner) / SIDE) / 0.2]
    )
    out = dict(state)
    for key, array in state.items():
        if key.endswith("_mbox_loc.weight") or key.endswith("_mbox_conf.weight"):
            out[key] = np.zeros_like(array)
        elif key.endswith("_mbox_loc.bias"):
            out[key] = offsets.astype(np.float32)
        elif key.endswith("_mbox_conf.bias"):
            face = SURE if key.startswith(COARSEST) else -SURE
            out[key] = np.array([-face] * (len(array) - 1) + [face], np.float32)
    return out


def make(clip: Path, out: Path) -> Iterator[str]:
    """Write everything that is not there yet; yields a line for each file."""
    out.mkdir(parents=True, exist_ok=True)
    box = face_box(clip)
    noted = out / "box.json"
    if not noted.is_file() or json.loads(noted.read_text()) != box.tolist():
        for stale in ("s3fd.pth", "s3fd.fp32.onnx", "s3fd.int8.onnx"):
            (out / stale).unlink(missing_ok=True)
        noted.write_text(json.dumps(box.tolist()))
    for name in NAMES:
        pth = out / f"{name}.pth"
        if not pth.is_file():
            state = make_state(name)
            write_checkpoint(name, pth, state=constant_heads(state, box) if name == "s3fd" else state)
            yield f"{pth.name}: made-up numbers"
        if not sound(name, "fp32", out):
            net = checkpoint.build(name, checkpoint.read_checkpoint(pth), pth.name)
            yield f"{convert(name, net, out)[0].name}: converted"
        if not sound(name, "int8", out):
            quantize(name, out)
            yield f"{name}.int8.onnx: quantized, not judged"


def sound(name: str, precision: str, folder: Path) -> bool:
    """Return whether a file is there and is what its manifest and the network's card of today say."""
    path = folder / f"{name}.{precision}.onnx"
    try:
        verify_model(path, load_spec(name, folder))
    except (LipsyncError, OSError):
        return False
    return True


def quantize(name: str, folder: Path) -> None:
    """Write NAME.int8.onnx with every heavy layer in int8 but those that the card keeps, and its manifest entry."""
    fp32, target = folder / f"{name}.fp32.onnx", f"{name}.int8.onnx"
    spec, entry = load_spec(name, folder), read_files(folder)[f"{name}.fp32.onnx"]
    inputs = list(feeds(spec, scenes((), CALIBRATED), fp32))
    with staging(folder) as stage, tempfile.TemporaryDirectory(dir=stage) as work:
        model = qdq.quantized(qdq.prepare(fp32, inputs, spec.quant, Path(work)), [])
        onnx.save(model, str(stage / target))
        facts = {
            key: entry[key] for key in ("card", "card_digest", "parameters", "macs", "macs_at", "licence")
        }
        publish(stage, folder, {target: {**facts, "precision": "int8", "judged": False}})


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the clip and the folder."""
    add_source_options(parser, seconds=1.0)
    parser.add_argument("-o", "--out", type=Path, default=FOLDER)


def main(options: argparse.Namespace) -> None:
    """Make the folder."""
    with tempfile.TemporaryDirectory() as name:
        for line in make(make_source(options, Path(name)).face, options.out):
            print(line, flush=True)
