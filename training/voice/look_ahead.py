"""How much an audio encoder needs of the future: r on ordinary speech with a shorter one.

python -m training voice.look_ahead --encoder models_onnx/edge_voice.fp32.onnx --mesh MESH --shape SHAPE.npz

The shipped window is asked with its last columns replaced by the last known one (`held`), and moved into the past
(`late`). `--causal FILE` adds an encoder that was trained on windows that end 75 ms after the frame. The rows are
those of `training.voice.measure`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from training.cli import WORK
from training.lips.coefficients import ShapeModel
from training.voice.encoders import open_encoder, shorter_future
from training.voice.measure import figures
from training.voice.measures import fixed_readout
from training.voice.natural import load_talks

AHEAD = (17, 13, 9, 5)  # columns
KEPT = ("choose", "report", "all")


def milliseconds(columns: int) -> float:
    """Return the look-ahead of windows that know so many columns from the frame's own on."""
    return (columns + 1) * 12.5


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", type=Path, default=Path("models_onnx/edge_voice.fp32.onnx"))
    parser.add_argument("--causal", type=Path, help="file or folder of an encoder with the short window")
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus")
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--shape", type=Path, default=Path("training/voice/shape.npz"))
    parser.add_argument("--out", type=Path, help="JSON file that takes the rows")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = arguments().parse_args(argv)
    torch.set_num_threads(1)
    readout, talks = fixed_readout(ShapeModel.load(options.shape)), load_talks(options.corpus, options.mesh)
    asked = [(options.encoder, columns, way) for way in ("held", "late") for columns in AHEAD]
    if options.causal:
        asked.append((options.causal, AHEAD[-1], "late"))
    rows: list[dict[str, Any]] = []
    for path, columns, way in asked:
        result = figures(open_encoder(path, options.shape, shorter_future(columns, way)), talks, readout)
        row = {"encoder": path.stem, "ahead_ms": milliseconds(columns), "way": way}
        rows.append(row | {key: result[key] for key in KEPT})
        print(json.dumps(rows[-1]), flush=True)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n")
