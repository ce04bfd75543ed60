"""Train `edge_segment`, the bundled segmenter: lower-face skin, lips and mouth interior of an aligned crop.

python -m training segmenter.train --minutes 10
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from training.blocks import folded
from training.cli import WORK, command, parse
from training.fit import Losses, Plan, channels_last, contiguous, fit, load_mean, mixed
from training.onnx_graph import export_graph, largest_difference, parameters
from training.segmenter.network import SegmentGraph, SegmentNet
from training.segmenter.regions import RegionPool


class SegmentLoss:
    """Makes augmented batches and returns cross-entropy with soft labels plus a Dice term."""

    def __init__(self, pool: RegionPool, size: int = 32, seed: int = 0) -> None:
        """Sample `size` crops a batch from the pool."""
        self._pool, self._size, self._rng = pool, size, np.random.default_rng(seed)

    def __call__(self, net: nn.Module) -> Losses:
        """See the class."""
        drawn = [self._pool.sample(self._rng) for _ in range(self._size)]
        x = torch.from_numpy(np.stack([c for c, _ in drawn])).permute(0, 3, 1, 2).float() / 127.5 - 1
        maps = torch.from_numpy(np.stack([m for _, m in drawn]).astype(np.float32))
        with mixed():
            logits = net(x.contiguous(memory_format=torch.channels_last))
        weight = torch.tensor([1.0, 1.0, 2.0, 3.0])[:, None, None]
        entropy = -(weight * maps * F.log_softmax(logits, 1)).sum(1).mean()
        made = torch.softmax(logits, 1)
        shared = (made * maps).sum((0, 2, 3))
        dice = 1 - (2 * shared + 1) / ((made**2).sum((0, 2, 3)) + (maps**2).sum((0, 2, 3)) + 1)
        return {"entropy": entropy, "dice": 0.3 * dice.mean()}


def write(net: SegmentNet, path: Path) -> dict[str, float]:
    """Export to `path`; returns the largest difference of each runtime to torch."""
    graph = SegmentGraph(folded(net))  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    feeds = [rng.integers(0, 256, (b, 128, 128, 3), np.uint8) for b in (1, 3)]
    axes = {"face": {0: "batch"}, "regions": {0: "batch"}}
    export_graph(graph, {"face": feeds[0]}, ["regions"], axes, path)
    return largest_difference(graph, path, feeds)


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "labels", out=WORK / "segment", minutes=10.0, rate=3e-3)
    parser.add_argument("--graph", type=Path, default=Path("models_onnx/edge_segment.fp32.onnx"))
    parser.add_argument("--export-only", action="store_true")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Train and export from the command line."""
    options = parse(arguments(), argv)
    net = SegmentNet()
    print(f"edge_segment: {parameters(net)} parameters", flush=True)
    if options.export_only:
        mean = load_mean(net, options.out)
    else:
        loss = SegmentLoss(RegionPool(options.labels, held_out=False), seed=options.seed)
        channels_last(net)
        mean = fit(net, loss, Plan.of(options), options.out, options.fresh)
    print(write(contiguous(mean), options.graph))
