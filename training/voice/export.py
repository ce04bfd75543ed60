"""Join a trained audio encoder and the renderer of a lips file into the graph that ships.

python -m training.voice.export --trained FOLDER --renderer models_onnx/edge_lips.fp32.onnx --scale 1.2 --out OUT
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.train.lips import Lips, check, export_lips
from lipsync_edge.card import load_card
from training.voice.network import Encoder, load_encoder
from training.voice.recover import load_renderer


def fused(layers: nn.Sequential) -> nn.Sequential:
    """Return a copy whose batch norms stand in the convolutions before them, without dropout."""
    out: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.Sequential):
            out.append(fused(layer))
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            out[-1] = fuse_conv_bn_eval(out[-1], layer)
        elif not isinstance(layer, nn.Dropout | nn.Dropout1d):
            out.append(copy.deepcopy(layer))
    return nn.Sequential(*out)


class Shipped(nn.Module):
    """Mel (B, 80, 43) → mouth coefficients (B, 8, 1): an encoder without what only training needs."""

    def __init__(self, net: Encoder) -> None:
        super().__init__()
        net = net.eval()
        self.spectrum, self.bands, self.time = fused(net.spectrum), fused(net.bands), fused(net.time)
        self.head = fused(net.head)

    def forward(self, mel: Tensor) -> Tensor:
        """Return the coefficients, unscaled."""
        return self.head(self.time(self.bands(self.spectrum(mel.unsqueeze(1) / 4).flatten(1, 2))))


def main(argv: list[str] | None = None) -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trained", type=Path, required=True)
    parser.add_argument("--renderer", type=Path, default=Path("models_onnx/edge_lips.fp32.onnx"))
    parser.add_argument("--scale", type=float, required=True, help="of the coefficients")
    parser.add_argument("--out", type=Path, default=Path("models_onnx/edge_lips.fp32.onnx"))
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    net = Lips(Shipped(load_encoder(options.trained)), load_renderer(options.renderer), options.scale).eval()
    export_lips(net, options.out)
    worst = check(net, options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes, torch and ONNX Runtime differ by {worst:.1e}")
    if worst > load_card("edge_lips").atol:
        raise SystemExit("the exported graph differs from torch")


if __name__ == "__main__":
    main()
