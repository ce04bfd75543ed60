"""Train `edge_enhance`, the bundled enhancer: a mouth or face at twice the size, sharper, colours kept.

python -m training enhancer.train --minutes 8
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
from torch.nn import functional as F

from training.cli import WORK, command, parse
from training.enhancer.network import EnhanceGraph, EnhanceNet
from training.enhancer.sharpness import cut_frames, cut_stills, degrade, patch
from training.fit import Losses, Plan, channels_last, contiguous, fit, load_mean, mixed
from training.onnx_graph import export_graph, largest_difference, parameters

Array = npt.NDArray[Any]


class EnhanceLoss:
    """Makes degraded patches and compares pixels, slopes, amount of fine detail and local colour."""

    def __init__(self, crops: Array, size: int = 12, side: int = 128, seed: int = 0) -> None:
        """Draw `size` patches of `side` sharp pixels a batch."""
        self._crops, self._size, self._side = crops, size, side
        self._rng = np.random.default_rng(seed)

    def __call__(self, net: nn.Module) -> Losses:
        """See the class."""
        x, y = self._batch()
        with mixed():
            made = net(x)
        terms = {"pixel": (made - y).abs().mean()}
        for axis in (2, 3):
            terms[f"slope{axis}"] = 0.5 * (made.diff(dim=axis) - y.diff(dim=axis)).abs().mean()
        fine_made, fine = made - F.avg_pool2d(made, 5, 1, 2), y - F.avg_pool2d(y, 5, 1, 2)
        energy = F.avg_pool2d(fine_made.abs(), 16) - F.avg_pool2d(fine.abs(), 16)
        terms["energy"] = 0.3 * energy.abs().mean()
        base = F.avg_pool2d(x, 8)
        terms["colour"] = 0.5 * (F.avg_pool2d(made, 16) - base).abs().mean()
        return terms

    def _batch(self) -> tuple[Tensor, Tensor]:
        """Return spoiled patches (B, 3, side / 2, side / 2) and the sharp ones (B, 3, side, side), 0…1."""
        rng = self._rng
        picks = rng.integers(0, len(self._crops), self._size)
        sharp = [patch(rng, self._crops[pick], self._side) for pick in picks]
        gains = [float(np.exp(rng.normal(0, 0.2))) for _ in sharp]
        sharp = [np.clip(s * g, 0, 255).astype(np.uint8) for s, g in zip(sharp, gains, strict=True)]
        small = [degrade(rng, one) for one in sharp]
        return _tensor(small), _tensor(sharp)


def _tensor(images: list[Array]) -> Tensor:
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    return x.contiguous(memory_format=torch.channels_last)


def write(net: EnhanceNet, path: Path) -> dict[str, float]:
    """Export to `path`; returns the largest difference of each runtime to torch."""
    graph = EnhanceGraph(net).eval()
    rng = np.random.default_rng(0)
    feeds = [rng.random((b, h, w, 3), np.float32) for b, h, w in ((1, 96, 96), (2, 64, 128))]
    axes = {"image_out": {0: "batch", 1: "out_height", 2: "out_width"}}
    axes["image"] = {0: "batch", 1: "height", 2: "width"}
    export_graph(graph, {"image": feeds[0]}, ["image_out"], axes, path)
    return largest_difference(graph, path, feeds)


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "labels", out=WORK / "enhance", minutes=8.0, rate=1e-3)
    parser.add_argument("--graph", type=Path, default=Path("models_onnx/edge_enhance.fp32.onnx"))
    parser.add_argument("--export-only", action="store_true")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Train and export from the command line."""
    options = parse(arguments(), argv)
    net = EnhanceNet()
    print(f"edge_enhance: {parameters(net)} parameters", flush=True)
    if options.export_only:
        mean = load_mean(net, options.out)
    else:
        stills, held = cut_stills(options.corpus, options.labels)
        crops = np.concatenate([stills[~held], cut_frames(options.corpus, options.labels)])
        print(f"{len(crops)} crops", flush=True)
        channels_last(net)
        loss = EnhanceLoss(crops, seed=options.seed)
        mean = fit(net, loss, Plan.of(options), options.out, options.fresh)
    print(write(contiguous(mean), options.graph))
