"""Train the identity network; resumes where it stopped.

python -m training identity.train --minutes 30

Every still is a class of its own, every person who speaks one of many pictures. Two views of each are drawn; a view
must be nearest its person's weight of all (CosFace: Wang et al., "Large Margin Cosine Loss", CVPR 2018) and its fellow
of the batch (normalised temperature-scaled cross entropy: Chen et al., "SimCLR", ICML 2020).
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
from torch import Tensor, nn
from torch.nn import functional as F

from training.blocks import folded
from training.cli import WORK, command, parse
from training.fit import Losses, Plan, channels_last, contiguous, fit, load_mean, mixed
from training.identity.begin import begin_from, weights_of
from training.identity.network import SIZE, IdentityGraph, IdentityNet, images
from training.identity.store import HELD_OUT_PEOPLE, HELD_OUT_STILLS
from training.identity.views import SIDE, make_view
from training.onnx_graph import export_graph, largest_difference, parameters

Array = npt.NDArray[Any]

SCALE, MARGIN = 24.0, 0.25  # of CosFace
TEMPERATURE = 0.1
SPEAKING = 0.12  # share of a batch that is drawn from those who speak
TIMES = 2  # a batch is learnt from so many times: drawing it takes as long as learning from it


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """Stored faces: crops uint8 (N, 128, 128, 3), landmarks (N, 78, 3), and the number of the person of each."""

    crops: Array
    points: Array
    person: Array
    speaks: Array

    @property
    def count(self) -> int:
        """How many people there are."""
        return int(self.person.max()) + 1


def load_store(path: Path, held_out: bool = False) -> Store:
    """Read the people to learn from, or those held out."""
    with np.load(path) as data:
        crops, points, names = data["crops"], data["points"], data["names"]
    still = np.char.startswith(names, "faces/")
    kept = np.isin(names, [f"train/{name}" for name in HELD_OUT_PEOPLE])
    kept[np.flatnonzero(still)[::HELD_OUT_STILLS]] = True
    mine = kept == held_out
    _, person = np.unique(names[mine], return_inverse=True)
    return Store(crops[mine], points[mine], person, ~still[mine])


class IdentityLoss(nn.Module):
    """Makes batches of pairs of views and returns the loss terms; holds one weight for each person."""

    def __init__(self, store: Store, size: int = 128, seed: int = 0) -> None:
        """Draw `size` / 2 people a batch."""
        super().__init__()
        self._store, self._half = store, size // 2
        self._rng = np.random.default_rng(seed)
        self._of = [np.flatnonzero(store.person == k) for k in range(store.count)]
        speakers = np.unique(store.person[store.speaks])
        self._still = np.setdiff1d(np.arange(store.count), speakers)
        self._speakers = speakers
        self._batch: tuple[Tensor, Tensor] | None = None
        self._left = 0

    def draw(self) -> tuple[Tensor, Tensor]:
        """Return images (2 · half, 3, 64, 64), the two views of a person half a batch apart, and people (half,)."""
        rng = self._rng
        some = min(len(self._speakers), max(1, round(self._half * SPEAKING)))
        people = np.concatenate(
            [
                rng.choice(self._speakers, some, replace=False),
                rng.choice(self._still, self._half - some, replace=False),
            ]
        )
        return torch.cat([self.views(torch.from_numpy(people)) for _ in range(2)]), torch.from_numpy(people)

    def views(self, people: Tensor) -> Tensor:
        """Return a view of each person, numbers (n,): images (n, 3, 64, 64)."""
        rng, store, made = self._rng, self._store, []
        for k in people.tolist():
            i, j = rng.choice(self._of[k]), rng.integers(len(store.crops))
            mirror = bool(rng.random() < 0.5)
            made.append(
                torch.from_numpy(make_view(rng, store.crops[i], store.points[i], store.crops[j], mirror))
            )
        return images(made)

    def forward(self, net: nn.Module) -> Losses:
        """See the class."""
        assert isinstance(net, WithWeights)
        if self._batch is None or self._left == 0:
            self._batch, self._left = self.draw(), TIMES
        self._left -= 1
        faces, people = self._batch
        with mixed():
            raw = net.net(faces.contiguous(memory_format=torch.channels_last))
        made = F.normalize(raw.float())
        cosine = made @ F.normalize(net.weights).T
        both = people.repeat(2)
        cosine = cosine - MARGIN * F.one_hot(both, len(net.weights))
        alike = made @ made.T / TEMPERATURE - 1e9 * torch.eye(len(made))
        fellow = torch.arange(len(made)).roll(len(people))
        return {
            "class": F.cross_entropy(SCALE * cosine, both),
            "pair": F.cross_entropy(alike, fellow),
        }


class WithWeights(nn.Module):
    """The network and one weight, (128,), for each person."""

    def __init__(self, people: int) -> None:
        """Build for so many people."""
        super().__init__()
        self.net = IdentityNet()
        self.weights = nn.Parameter(torch.randn(people, SIZE) * 0.1)


def write(net: IdentityNet, path: Path) -> dict[str, float]:
    """Export to `path`; returns the largest difference of each runtime to torch."""
    graph = IdentityGraph(folded(net))  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    feeds = [rng.integers(0, 256, (b, SIDE, SIDE, 3), np.uint8) for b in (1, 3)]
    names = ["face", "embedding"]
    export_graph(graph, {"face": feeds[0]}, ["embedding"], {n: {0: "batch"} for n in names}, path)
    return largest_difference(graph, path, feeds)


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, out=WORK / "identity", minutes=30.0, rate=3e-3)
    parser.add_argument("--store", type=Path, default=WORK / "identity" / "store.npz")
    parser.add_argument("--graph", type=Path, default=Path("models_onnx/edge_identity.fp32.onnx"))
    parser.add_argument(
        "--begin", type=Path, help="an exported fp32 graph to begin from instead of from nothing"
    )
    parser.add_argument("--export-only", action="store_true")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Train and export from the command line."""
    options = parse(arguments(), argv)
    store = load_store(options.store)
    whole = WithWeights(store.count)
    print(f"edge_identity: {parameters(whole.net)} parameters, {store.count} people", flush=True)
    if options.export_only:
        mean = load_mean(whole, options.out)
    else:
        loss = IdentityLoss(store, seed=options.seed)
        if options.begin is not None and not (options.out / "last.pt").is_file():
            begin_from(whole.net, options.begin, lambda: loss.draw()[0])
            with torch.no_grad():
                whole.weights.copy_(weights_of(whole.net, loss.views, store.count))
        channels_last(whole)
        mean = fit(whole, loss, Plan.of(options), options.out, options.fresh)
    print(write(contiguous(mean).net, options.graph))
