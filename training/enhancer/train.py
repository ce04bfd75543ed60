"""Train `edge_enhance`, the bundled enhancer: a mouth or face at twice the size, sharper, colours kept.

python -m export.train.enhance --minutes 8
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.train.edge_networks import EnhanceGraph, EnhanceNet
from export.train.enhance_own import own_pairs
from export.train.fit import Losses, Plan, fit, load_mean
from export.train.graphs import export_graph, largest_difference, parameters
from export.train.sharpness import cut_frames, cut_stills, degrade, patch

Array = npt.NDArray[Any]
Pairs = tuple[Array, Array]

OWN_SHARE = 0.4  # of a batch: mouths that our own lips made
CRISP = 0.25  # weight of the amount of detail around each place


class EnhanceLoss:
    """Makes degraded patches and compares pixels, slopes, amount of fine detail and local colour."""

    def __init__(
        self, crops: Array, size: int = 12, side: int = 128, seed: int = 0, own: Pairs | None = None
    ) -> None:
        """Draw `size` patches of `side` sharp pixels a batch; `own` are made windows and their originals."""
        self._crops, self._size, self._side, self._own = crops, size, side, own
        self._rng = np.random.default_rng(seed)

    def __call__(self, net: nn.Module) -> Losses:
        """See the class."""
        x, y = self._batch()
        with torch.autocast("cpu", torch.bfloat16):
            made = net(x)
        terms = {"pixel": (made - y).abs().mean()}
        for axis in (2, 3):
            terms[f"slope{axis}"] = 0.5 * (made.diff(dim=axis) - y.diff(dim=axis)).abs().mean()
        fine_made, fine = made - F.avg_pool2d(made, 5, 1, 2), y - F.avg_pool2d(y, 5, 1, 2)
        energy = F.avg_pool2d(fine_made.abs(), 16) - F.avg_pool2d(fine.abs(), 16)
        terms["energy"] = 0.3 * energy.abs().mean()
        base = F.avg_pool2d(x, 8)
        terms["colour"] = 0.5 * (F.avg_pool2d(made, 16) - base).abs().mean()
        if self._own:
            terms["crisp"] = CRISP * (detail(made) - detail(y)).abs().mean()
        return terms

    def _batch(self) -> tuple[Tensor, Tensor]:
        """Return spoiled patches (B, 3, side / 2, side / 2) and the sharp ones (B, 3, side, side), 0…1."""
        rng, count = self._rng, round(OWN_SHARE * self._size) if self._own else 0
        picks = rng.integers(0, len(self._crops), self._size - count)
        sharp = [patch(rng, self._crops[pick], self._side) for pick in picks]
        gains = [float(np.exp(rng.normal(0, 0.2))) for _ in sharp]
        sharp = [np.clip(s * g, 0, 255).astype(np.uint8) for s, g in zip(sharp, gains, strict=True)]
        small = [degrade(rng, one) for one in sharp]
        if self._own:
            for pick in rng.integers(0, len(self._own[0]), count):
                turn = slice(None, None, -1 if rng.random() < 0.5 else 1)
                made = self._own[0][pick][:, turn]
                if rng.random() < 0.5:  # what is carried is resampled, and softer for it
                    made = np.asarray(cv2.GaussianBlur(made, (0, 0), rng.uniform(0.25, 0.7)))
                small.append(made)
                sharp.append(self._own[1][pick][:, turn])
        return _tensor(small), _tensor(sharp)


def detail(picture: Tensor) -> Tensor:
    """Return how much the Laplacian of pictures (B, 3, H, W) varies around each place, over 8 pixels, grey.

    Compared as it is, not as a ratio: a ratio is cheapest to mend by strewing noise over smooth skin.
    """
    grey = picture.mean(1, keepdim=True)
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).reshape(1, 1, 3, 3)
    return (F.avg_pool2d(F.conv2d(grey, kernel).pow(2), 8, 4) + 1e-6).sqrt()


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


def main(argv: list[str] | None = None) -> None:
    """Train and export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--labels", type=Path, default=Path(".train/labels"))
    parser.add_argument("--folder", type=Path, default=Path(".train/enhance"))
    parser.add_argument("--out", type=Path, default=Path("models_onnx/edge_enhance.fp32.onnx"))
    parser.add_argument("--lips", type=Path, help="trained lips, whose output is mended too (.train/lips)")
    parser.add_argument("--own", type=int, default=1500, help="mouths that these lips make")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--fresh", action="store_true", help="start a new cycle from the saved weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--export-only", action="store_true")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(args.seed)
    net = EnhanceNet()
    print(f"edge_enhance: {parameters(net)} parameters", flush=True)
    if args.export_only:
        mean = load_mean(net, args.folder)
    else:
        stills, held = cut_stills(args.corpus, args.labels)
        crops = np.concatenate([stills[~held], cut_frames(args.corpus, args.labels)])
        own = own_pairs(args.corpus, args.labels, args.lips, args.own, held_out=False) if args.lips else None
        print(f"{len(crops)} crops, {len(own[0]) if own else 0} mouths of our lips", flush=True)
        net = net.to(memory_format=torch.channels_last)
        mean = fit(
            net,
            EnhanceLoss(crops, seed=args.seed, own=own),
            Plan(args.minutes, args.rate),
            args.folder,
            args.fresh,
        )
    print(write(mean.to(memory_format=torch.contiguous_format), args.out))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
