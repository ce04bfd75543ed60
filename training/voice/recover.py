"""The weights of the lips file of version 0.1, read back into torch (no checkpoints were kept).

python -m training voice.recover --models models_onnx
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from training.lips.assemble import AMPLITUDE, Lips, check
from training.lips.networks import AudioEncoder, AudioEncoders, MouthRenderer


def weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the initializers of a lips file by the names of `Lips`' own parameters."""
    graph = onnx.load(str(path)).graph
    tensors = {item.name: torch.from_numpy(numpy_helper.to_array(item).copy()) for item in graph.initializer}
    return {name: value for name, value in tensors.items() if name.startswith(("ear.", "hand."))}


def load_renderer(path: Path) -> MouthRenderer:
    """Return the mouth renderer of a lips file."""
    net = MouthRenderer()
    own = {name[5:]: value for name, value in weights(path).items() if name.startswith("hand.")}
    net.load_state_dict(own)
    return net.eval()


def is_first(path: Path) -> bool:
    """Return whether a lips file holds the encoder of version 0.1."""
    return any(name.startswith("ear.ears.") for name in weights(path))


def load_first_encoder(path: Path) -> AudioEncoder:
    """Return the audio encoder of the lips file that shipped with version 0.1 (30 columns)."""
    net = AudioEncoder()
    prefix = "ear.ears.0."
    own = {name.removeprefix(prefix): v for name, v in weights(path).items() if name.startswith(prefix)}
    net.load_state_dict(own)
    return net.eval()


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models_onnx"))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Check that torch with the weights read back gives what the file gives."""
    options = arguments().parse_args(argv)
    path = options.models / "edge_lips.fp32.onnx"
    net = Lips(AudioEncoders([load_first_encoder(path)]), load_renderer(path), AMPLITUDE).eval()
    worst = check(net, path)
    print(f"largest difference between torch and {path.name}: {worst:.1e}")
    if worst > 1e-5:
        raise SystemExit("the weights read back do not give what the file gives")
