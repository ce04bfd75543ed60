"""Train the landmark network; resumes where it stopped.

python -m training landmarks.train --minutes 60
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from training.blocks import folded
from training.cli import WORK, command, parse
from training.fit import Losses, Plan, channels_last, contiguous, fit, load_mean
from training.landmarks.augment import View, make_view
from training.landmarks.losses import agreement, landmark_losses
from training.landmarks.network import SIDE, LandmarkGraph, LandmarkNet
from training.landmarks.store import HELD_OUT_PEOPLE, HELD_OUT_STILLS
from training.onnx_graph import export_graph, largest_difference, parameters

Array = npt.NDArray[Any]

STEADY = 0.15  # weight of the agreement of two views of a face
STILLS = 0.6  # share of the faces drawn from stills


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """Stored faces: crops uint8 (N, 224, 224, 3), points (N, 78, 3), pose (N, 3), chance (N,) to be drawn."""

    crops: Array
    points: Array
    pose: Array
    chance: Array


def load_store(folder: Path, held_out: bool = False) -> Store:
    """Read the faces to learn from, or those held out; three of five are drawn from the stills."""
    with np.load(folder / "rows.npz") as data:
        rows = {key: data[key] for key in ("points", "pose", "name", "opening")}
    people = np.array([str(name).split("/")[1] for name in rows["name"]])
    still = np.char.startswith(rows["name"], "faces/")
    kept = np.isin(people, HELD_OUT_PEOPLE)
    kept[np.nonzero(still)[0][::HELD_OUT_STILLS]] = True
    chance = np.zeros(len(still))
    for person in np.unique(people[~still]):
        mine = people == person
        chance[mine] = _evenly(rows["opening"][mine]) * np.sqrt(mine.sum())
    chance[still] = _evenly(rows["opening"][still])
    chance[still] *= STILLS / chance[still].sum()
    chance[~still] *= (1 - STILLS) / chance[~still].sum()
    chance[kept != held_out] = 0
    crops = np.load(folder / "crops.npy", mmap_mode="r")
    return Store(crops, rows["points"], rows["pose"], chance / chance.sum())


def _evenly(openings: Array) -> Array:
    """Return chances that make wide and shut mouths as frequent as half-open ones, up to four times."""
    counts, edges = np.histogram(openings, 8)
    row = np.clip(np.digitize(openings, edges[1:-1]), 0, 7)
    chance = 1 / np.maximum(counts[row], counts.max() / 4)
    return np.asarray(chance / chance.sum())


def tensors(views: list[View]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Stack views: images (B, 3, 128, 128) in −1..1, and what is wanted."""
    images = torch.from_numpy(np.stack([v.image_bgr for v in views])).permute(0, 3, 1, 2).float() / 127.5 - 1
    want = {
        "points": torch.from_numpy(np.stack([v.points for v in views])),
        "pose": torch.from_numpy(np.stack([v.pose for v in views])),
        "visible": torch.tensor([v.visible for v in views]),
        "face": torch.tensor([float(v.face) for v in views]),
    }
    return images, want


class LandmarkLoss:
    """Makes batches of pairs of views and returns the loss terms."""

    def __init__(self, store: Store, size: int = 32, seed: int = 0, gaping: float = 0.35) -> None:
        """Draw `size` / 2 faces a batch; the mouths of a share `gaping` are opened or shut."""
        self._store, self._size, self._gaping = store, size, gaping
        self._rng = np.random.default_rng(seed)

    def __call__(self, net: nn.Module) -> Losses:
        """See the class."""
        rows = self._rng.choice(len(self._store.chance), self._size // 2, p=self._store.chance).repeat(2)
        store = self._store
        views = [
            make_view(self._rng, store.crops[i], store.points[i], store.pose[i], self._gaping) for i in rows
        ]
        images, want = tensors(views)
        with torch.autocast("cpu", torch.bfloat16):
            made = net(images.contiguous(memory_format=torch.channels_last))
        return landmark_losses(made, want) | {"steady": agreement(made, want) * STEADY}


def write(net: LandmarkNet, path: Path) -> dict[str, float]:
    """Export to `path`; returns the largest difference of each runtime to torch."""
    graph = LandmarkGraph(folded(net))  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    feeds = [rng.integers(0, 256, (b, SIDE, SIDE, 3), np.uint8) for b in (1, 3)]
    names = ["points", "pose", "visible"]
    export_graph(graph, {"face": feeds[0]}, names, {n: {0: "batch"} for n in ["face", *names]}, path)
    return largest_difference(graph, path, feeds)


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, out=WORK / "landmarks", minutes=60.0, rate=3e-3)
    parser.add_argument("--store", type=Path, default=WORK / "landmarks" / "store")
    parser.add_argument("--graph", type=Path, default=Path("models_onnx/edge_landmarks.fp32.onnx"))
    parser.add_argument(
        "--gaping", type=float, default=0.35, help="share of mouths opened or shut by warping"
    )
    parser.add_argument("--export-only", action="store_true")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Train and export from the command line."""
    options = parse(arguments(), argv)
    net = LandmarkNet()
    print(f"edge_landmarks: {parameters(net)} parameters", flush=True)
    if options.export_only:
        mean = load_mean(net, options.out)
    else:
        loss = LandmarkLoss(load_store(options.store), seed=options.seed, gaping=options.gaping)
        channels_last(net)
        mean = fit(net, loss, Plan.of(options), options.out, options.fresh)
    print(write(contiguous(mean), options.graph))
