"""From phones to mouths: how mouths move while certain sounds are said, learnt on the talking clips.

python -m training voice.coarticulation --data DATA

The model sees articulatory features, not phones, so that sounds which the clips do not say (their 51 words lack some)
get the mouths of their relatives; and how loud each moment is. It writes `coarticulation.pt`, and gives every
utterance without pictures its mouth coefficients.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.lips.coefficients import COEFFICIENTS
from training.voice.articulation import FEATURES
from training.voice.measures import NAMES
from training.voice.mouth_codes import load_readout
from training.voice.utterance import Utterance, load

Array = npt.NDArray[Any]

REACH = 24  # columns before and after that a mouth depends on: 0.3 s
STEPS, RATE, BATCH = 1300, 2e-3, 8


def loudness(mel: Array) -> Array:
    """Return how loud each column of a mel (80, T) is against the clip's loud parts, float32 (T,), about -3 to 0.5."""
    level = np.sort(mel.astype(np.float32), 0)[-16:].mean(0)
    smooth = np.convolve(np.pad(level, 2, mode="edge"), np.full(5, 0.2), "valid")
    return np.clip(smooth - np.quantile(smooth, 0.9), -3, 0.5).astype(np.float32)


class Coarticulation(nn.Module):
    """Features and loudness (B, 1 + features, T) → coefficients (B, 8, T); sees `REACH` columns either way."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1 + len(FEATURES), 40, 1), nn.ReLU(), nn.Dropout(0.1),
            nn.Conv1d(40, 64, 2 * REACH + 1, padding=REACH), nn.ReLU(), nn.Dropout(0.25),
            nn.Conv1d(64, COEFFICIENTS, 1),
        )  # fmt: skip

    def forward(self, said: Tensor) -> Tensor:
        """Return the coefficients of every column."""
        return self.layers(said)


def said_of(utterance: Utterance) -> Array:
    """Return the input of the model, float32 (1 + features, T)."""
    loud = loudness(utterance.mel)[: len(utterance.features)]
    return np.vstack([loud[None], utterance.features.T.astype(np.float32)])


def _losses(made: Tensor, real: Tensor, readout: Tensor) -> Tensor:
    """Return the loss on coefficients (8, T) and on what they mean: opening, width and jaw, each by its own spread."""
    shown, seen = readout @ made, readout @ real
    spread = torch.tensor([0.075, 0.035, 0.05])[:, None]
    meant = ((shown - seen) / spread).abs().mean() + 2 * ((shown - seen) / spread).diff(dim=1).abs().mean()
    return 0.5 * (made - real).abs().mean() + meant


def learn(
    clips: list[Utterance], weight: Array, readout: Array, seed: int, steps: int = STEPS
) -> Coarticulation:
    """Learn from clips with phones and mouths; `weight` (clips,) says how often each is drawn."""
    torch.manual_seed(seed)
    net, rng, out = Coarticulation(), np.random.default_rng(seed), torch.from_numpy(readout).float()
    said = [said_of(clip) for clip in clips]
    shown = [torch.from_numpy(clip.coefficients.T.astype(np.float32)) for clip in clips]
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=3e-2)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / steps) + 1e-5
        loss = torch.zeros(())
        for i in rng.choice(len(clips), BATCH, p=weight / weight.sum()):
            dropped = said[i] * (rng.random((len(said[i]), 1)) > 0.08)
            dropped[0] *= rng.random() > 0.3
            loss = loss + _losses(net(torch.from_numpy(dropped.astype(np.float32))[None])[0], shown[i], out)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return net.eval()


def mouths_of(net: Coarticulation, utterance: Utterance) -> Array:
    """Return the coefficients, float32 (T, 8), of an utterance whose phones are known."""
    with torch.no_grad():
        return np.asarray(net(torch.from_numpy(said_of(utterance))[None])[0].T.numpy(), np.float32)


def load_coarticulation(data: Path) -> Coarticulation:
    """Load what `main` wrote."""
    net = Coarticulation()
    net.load_state_dict(torch.load(data / "coarticulation.pt", weights_only=True))
    return net.eval()


def likeness(net: Coarticulation, clips: list[Utterance], readout: Array) -> dict[str, float]:
    """Return the mean r of opening, width and jaw over clips."""
    rows = []
    for clip in clips:
        made, real = mouths_of(net, clip) @ readout.T, clip.coefficients.astype(np.float32) @ readout.T
        rows.append([np.corrcoef(made[:, j], real[:, j])[0, 1] for j in range(len(NAMES))])
    return dict(zip(NAMES, np.mean(rows, 0).round(3).tolist(), strict=True))


def shares(clips: list[Utterance]) -> Array:
    """Return how often each clip is drawn: speakers by the root of what there is of them."""
    names = [clip.speaker for clip in clips]
    return np.array([1 / np.sqrt(names.count(name)) for name in names])


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Learn twice: once without the people who are then asked, once from all."""
    options = arguments().parse_args(argv)
    torch.set_num_threads(1)
    readout = load_readout(options.data)
    clips = [clip for clip in load(options.data / "grid.npz") if len(clip.features)]
    known = [clip for clip in clips if clip.speaker in ("s1", "s4")]
    others = [clip for clip in clips if clip.speaker not in ("s1", "s4")]
    first = learn(known, shares(known), readout, 0, 500)
    print("people it never saw:", json.dumps(likeness(first, others, readout)), flush=True)
    final = learn(clips, shares(clips), readout, 1)
    print("all it learnt from:", json.dumps(likeness(final, clips, readout)), flush=True)
    torch.save(final.state_dict(), options.data / "coarticulation.pt")
