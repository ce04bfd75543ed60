"""Train the audio encoder.

python -m training voice.train --data DATA --out OUT --minutes 60

`--offset` moves the window: -38 hears 75 ms ahead instead of 225.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.fit import Plan, fit, mixed
from training.voice.coarticulation import load_coarticulation, mouths_of
from training.voice.losses import heard_losses
from training.voice.mouth_codes import load_readout
from training.voice.network import OFFSET, Encoder
from training.voice.sampler import Sampler
from training.voice.utterance import Utterance, load

FILES = ("grid", "grid_damaged", "grid_voices", "read", "synthetic")
AFTER_LISTENING = ("grid", "grid_damaged", "grid_voices", "agreeing", "heard", "synthetic")


def groups_of(data: Path) -> dict[str, list[Utterance]]:
    """Read what was prepared; voices without pictures get their mouths from their phones."""
    net = load_coarticulation(data)
    groups: dict[str, list[Utterance]] = {}
    for name in AFTER_LISTENING if (data / "heard.npz").is_file() else FILES:
        if not (data / f"{name}.npz").is_file():
            continue
        for one in load(data / f"{name}.npz"):
            coefficients = one.coefficients
            if not len(coefficients) and len(one.features):
                coefficients = mouths_of(net, one).astype(np.float16)
            made = Utterance(one.group, one.speaker, one.mel, one.features, coefficients, one.seen)
            groups.setdefault(name if name == "grid_voices" else one.group, []).append(made)
    return groups


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guessed", type=float, default=0.8, help="weight of mouths that nobody saw")
    parser.add_argument(
        "--offset", type=int, default=OFFSET, help="first column of the window; -38: 75 ms ahead"
    )
    parser.add_argument("--fresh", action="store_true", help="start a new cycle from the saved weights")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    options = arguments().parse_args(argv)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    groups = groups_of(options.data)
    for name, part in groups.items():
        minutes = sum(u.mel.shape[1] for u in part) / 4800
        print(f"{name}: {len(part)}, {len({u.speaker for u in part})} voices, {minutes:.0f} min", flush=True)
    sampler = Sampler(groups, options.runs, options.seed, options.guessed, options.offset)
    readout = torch.from_numpy(load_readout(options.data)).float()

    def losses(net: nn.Module) -> dict[str, Tensor]:
        batch = sampler.batch()
        assert isinstance(net, Encoder)
        with mixed():
            coefficients, phones = net.both(batch.mel)
        return heard_losses(coefficients.float(), phones.float(), batch, readout)

    fit(Encoder(), losses, Plan(minutes=options.minutes, rate=options.rate), options.out, options.fresh)
