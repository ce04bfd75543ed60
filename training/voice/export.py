"""Join a trained audio encoder and the renderer of a lips file into the graph that ships.

python -m training voice.export --trained FOLDER --shape SHAPE.npz --out models_onnx/edge_lips.fp32.onnx

FOLDER holds `last.pt` of `training.voice.train` and `finish.json` (`training.voice.finish`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from training.lips.assemble import Lips, export_checked
from training.voice.finish import load_finished
from training.voice.recover import load_renderer


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trained", type=Path, required=True)
    parser.add_argument("--shape", type=Path, required=True)
    parser.add_argument("--renderer", type=Path, default=Path("models_onnx/edge_lips.fp32.onnx"))
    parser.add_argument("--out", type=Path, default=Path("models_onnx/edge_lips.fp32.onnx"))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Export from the command line."""
    options = arguments().parse_args(argv)
    torch.set_num_threads(1)
    net = Lips(load_finished(options.trained, options.shape), load_renderer(options.renderer), 1.0).eval()
    export_checked(net, options.out)
