"""Join audio encoder and mouth renderer into the one graph that ships: face + mel → flow, mask, mouth interior.

python -m training lips.assemble --out models_onnx/edge_lips.fp32.onnx
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from lipsync_edge.models.spec import ModelSpec, load_spec
from training.cli import WORK, command, parse
from training.fit import load_mean
from training.lips.networks import AudioEncoder, AudioEncoders, MouthRenderer
from training.onnx_graph import export_graph

Array = npt.NDArray[Any]

# Times the median speaker of the corpus, who speaks shyly; and the audio encoder shrinks what it is unsure of.
AMPLITUDE = 1.5


class Lips(nn.Module):
    """uint8 crops (B, 128, 128, 3) BGR and mel (B, 80, T) → flow, mask, mouth interior (`paint`) as the card says."""

    def __init__(
        self, audio_encoder: nn.Module, mouth_renderer: nn.Module, amplitude: float = AMPLITUDE
    ) -> None:
        super().__init__()
        self.ear = audio_encoder  # ear, hand: the names in the graph that ships
        self.hand = mouth_renderer
        self.amplitude = amplitude

    def forward(self, face: Tensor, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return flow (B, 2, 64, 64), mask (B, 1, 128, 128) 0…1 and mouth interior (B, 3, 128, 128) 0…1."""
        image = face.permute(0, 3, 1, 2).float() / 255.0
        flow, logits, interior, _ = self.hand(image, self.ear(mel)[:, :, 0] * self.amplitude)
        return flow, torch.sigmoid(logits), interior


def load_audio_encoders(folder: Path) -> AudioEncoders:
    """Load every audio encoder that was trained below `folder` (audio_encoder, audio_encoder_b and so on) as one."""
    return AudioEncoders(
        [load_mean(AudioEncoder(), one) for one in sorted(folder.glob("audio_encoder*"))]
    ).eval()


def load_lips(folder: Path, amplitude: float = AMPLITUDE) -> Lips:
    """Load the trained parts from `folder`/audio_encoder* and `folder`/mouth_renderer."""
    return Lips(
        load_audio_encoders(folder), load_mean(MouthRenderer(), folder / "mouth_renderer"), amplitude
    ).eval()


def example(spec: ModelSpec, batch: int = 2) -> dict[str, Array]:
    """Return random inputs of the card's shapes."""
    rng = np.random.default_rng(0)
    side, columns = spec.side("face"), spec.audio.columns if spec.audio else 16
    return {
        "face": rng.integers(0, 256, (batch, side, side, 3), dtype=np.uint8),
        "mel": rng.uniform(-4, 4, (batch, 80, columns)).astype(np.float32),
    }


def export_lips(net: nn.Module, path: Path) -> None:
    """Write the graph with a free batch axis."""
    spec = load_spec("edge_lips")
    names = [tensor_spec.name for tensor_spec in spec.outputs]
    free = {name: {0: "batch"} for name in ["face", "mel", *names]}
    export_graph(net, example(spec), names, free, path)


def check(net: nn.Module, path: Path) -> float:
    """Return the largest difference between torch and ONNX Runtime, over several batches."""
    from lipsync_edge.models.backend import open_backend
    from lipsync_edge.models.network import Network

    network = Network(load_spec("edge_lips"), open_backend(path, "cpu", 1))
    worst = 0.0
    for batch in (1, 3):
        feeds = example(network.spec, batch)
        with torch.no_grad():
            real = net(torch.from_numpy(feeds["face"]), torch.from_numpy(feeds["mel"]))
        made = network(**feeds)
        for name, tensor in zip(("flow", "mask", "paint"), real, strict=True):
            worst = max(worst, float(np.abs(made[name] - tensor.numpy()).max()))
    return worst


def export_checked(net: Lips, out: Path) -> None:
    """Write the graph and say how far ONNX Runtime is from torch; SystemExit where the card allows less."""
    export_lips(net, out)
    worst = check(net, out)
    print(f"{out}: {out.stat().st_size} bytes, torch and ONNX Runtime differ by {worst:.1e}")
    if worst > load_spec("edge_lips").atol:
        raise SystemExit("the exported graph differs from torch")


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, out=Path("models_onnx/edge_lips.fp32.onnx"))
    parser.add_argument("--trained", type=Path, default=WORK / "lips")
    parser.add_argument("--amplitude", type=float, default=AMPLITUDE)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Export from the command line."""
    options = parse(arguments(), argv)
    net = load_lips(options.trained, options.amplitude)
    export_checked(net, options.out)
