"""Train `edge_detect`, the bundled face detector: faces and five landmarks, 8 to 90 % of the frame's height.

python -m training detector.train --minutes 20
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

from training.blocks import folded
from training.cli import WORK, command, parse
from training.data.sources import Face, balanced, load_frames, load_stills, read_labels
from training.detector.network import DetectGraph, DetectNet, flat
from training.detector.scenes import MAX_FACES, SceneMaker
from training.detector.targets import encode, losses, priors
from training.fit import Losses, Plan, channels_last, contiguous, fit, load_mean, mixed
from training.onnx_graph import export_graph, largest_difference, parameters

Array = npt.NDArray[Any]
MIRRORED = [1, 0, 2, 4, 3]


class ScenePool:
    """Composed frames of one size; every batch some of them are made anew."""

    def __init__(self, maker: SceneMaker, side: int, heights: tuple[float, float], count: int) -> None:
        """Compose `count` frames with faces between the two heights, in pixels."""
        self._maker, self._side, self._heights = maker, side, heights
        self._frames = np.zeros((count, side, side, 3), np.uint8)
        self._boxes = np.zeros((count, MAX_FACES, 4), np.float32)
        self._landmarks = np.zeros((count, MAX_FACES, 5, 2), np.float32)
        self._rng = np.random.default_rng(side)
        self._next = 0
        self.grid = torch.from_numpy(priors(side, side))
        self.renew(count)

    def renew(self, count: int) -> None:
        """Replace the `count` oldest frames."""
        for _ in range(count):
            scene = self._maker(self._side, *self._heights)
            row = self._next % len(self._frames)
            self._frames[row] = scene.frame_bgr
            self._boxes[row], self._landmarks[row] = 0, 0
            self._boxes[row, : len(scene.boxes)] = scene.boxes
            self._landmarks[row, : len(scene.boxes)] = scene.landmarks
            self._next += 1

    def batch(self, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return frames uint8 (B, S, S, 3), boxes (B, F, 4), landmarks (B, F, 5, 2); half mirrored."""
        rows = self._rng.integers(0, len(self._frames), size)
        frames, boxes, marks = self._frames[rows], self._boxes[rows].copy(), self._landmarks[rows].copy()
        half = size // 2
        frames[:half] = frames[:half, :, ::-1]
        there = boxes[:half, :, 2] != 0
        boxes[:half, :, [0, 2]] = np.where(there[..., None], self._side - 1 - boxes[:half, :, [2, 0]], 0)
        marks[:half, ..., 0] = self._side - 1 - marks[:half, ..., 0]
        marks[:half] = marks[:half][:, :, MIRRORED]
        return torch.from_numpy(frames), torch.from_numpy(boxes), torch.from_numpy(marks)


class DetectLoss:
    """Makes batches, of small and of large frames by turns, and returns the loss terms."""

    def __init__(self, faces: list[Face], pool: int, renew: int, seed: int = 0) -> None:
        """Fill the pools; `renew` frames of the small pool are made anew for every batch."""
        maker = SceneMaker(faces, seed)
        self._small = ScenePool(maker, 192, (11.0, 180.0), pool)
        self._large = ScenePool(maker, 320, (50.0, 330.0), max(pool // 3, 8))
        self._renew, self._step = renew, 0

    def __call__(self, net: nn.Module) -> Losses:
        """See the class."""
        self._step += 1
        small = self._step % 2 != 0
        pool, size = (self._small, 32) if small else (self._large, 12)
        pool.renew(self._renew if small else max(self._renew // 2, 1))
        frames, boxes, marks = pool.batch(size)
        x = frames.permute(0, 3, 1, 2).float() / 127.5 - 1
        with mixed():
            found = net(x.contiguous(memory_format=torch.channels_last))
        scores = torch.cat([flat(s) for s, _, _ in found], 1).squeeze(2)
        offsets = torch.cat([flat(o) for _, o, _ in found], 1)
        points = torch.cat([flat(p) for _, _, p in found], 1)
        return losses(scores, offsets, points, encode(pool.grid, boxes, marks))


def load_faces(corpus: Path, labels: Path, per_person: int = 150) -> list[Face]:
    """Read the stills (without the held-out ones) and a choice of corpus frames."""
    stills = load_stills(corpus, read_labels(labels, "faces"))
    train = read_labels(labels, "train")
    frames = load_frames(corpus, train, balanced(train, per_person))
    return [f for f in stills if not f.held_out] + frames[:: max(1, len(frames) // 500)]


def write(net: DetectNet, path: Path) -> dict[str, float]:
    """Export to `path`; returns the largest difference of each runtime to torch."""
    graph = DetectGraph(folded(net))  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    feeds = [
        rng.integers(0, 256, (b, h, w, 3), np.uint8)
        for b, h, w in ((1, 192, 320), (2, 180, 320), (1, 320, 181))
    ]
    names = ["scores", "offsets", "points"]
    axes = {"frame": {0: "batch", 1: "height", 2: "width"}} | {n: {0: "batch", 1: "priors"} for n in names}
    export_graph(graph, {"frame": feeds[0]}, names, axes, path)
    return largest_difference(graph, path, feeds)


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "labels", out=WORK / "detect", minutes=20.0, rate=2e-3)
    parser.add_argument("--graph", type=Path, default=Path("models_onnx/edge_detect.fp32.onnx"))
    parser.add_argument("--pool", type=int, default=6000)
    parser.add_argument("--renew", type=int, default=8, help="frames made anew for every batch of 32")
    parser.add_argument("--export-only", action="store_true")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Train and export from the command line."""
    options = parse(arguments(), argv)
    net = DetectNet()
    print(f"edge_detect: {parameters(net)} parameters", flush=True)
    if options.export_only:
        mean = load_mean(net, options.out)
    else:
        loss = DetectLoss(
            load_faces(options.corpus, options.labels), options.pool, options.renew, options.seed
        )
        channels_last(net)
        mean = fit(net, loss, Plan.of(options), options.out, options.fresh)
    print(write(contiguous(mean), options.graph))
