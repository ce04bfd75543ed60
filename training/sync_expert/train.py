"""Train the sync expert, which tells by how much picture and sound are apart. It measures; it does not ship.

python -m training sync_expert.train --minutes 15
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.cli import WORK, command, parse
from training.fit import Plan, channels_last, fit, mixed
from training.onnx_graph import parameters
from training.sync_expert.clips import Talks, load_talks
from training.sync_expert.networks import Expert

NEAR = 0.15  # how much the windows one frame before and after count as right


def likeness_losses(seen: Tensor, heard: Tensor, sharpness: Tensor) -> dict[str, Tensor]:
    """Return how badly each window finds its own sound, and each sound its own window.

    Args:
        seen: (runs, windows, 128), length one.
        heard: alike.
        sharpness: natural logarithm of what cosines are multiplied by.

    Returns:
        `within`: among the other windows of the same stretch (shifts); `among`: among everything in the batch.
    """
    gain = sharpness.exp().clamp(max=40)
    runs, windows = seen.shape[:2]
    within = gain * seen @ heard.transpose(1, 2)
    eye = torch.eye(windows)
    near = eye + NEAR * (eye.roll(1, 0) + eye.roll(-1, 0)).triu(-1).tril(1)
    near = (near / near.sum(1, keepdim=True)).expand(runs, -1, -1)
    shifts = _cross(within, near) + _cross(within.transpose(1, 2), near)
    among = gain * seen.flatten(0, 1) @ heard.flatten(0, 1).T
    own = torch.block_diag(*near)[None]  # type: ignore[no-untyped-call]
    others = _cross(among[None], own) + _cross(among.T[None], own)
    return {"within": shifts / 2, "among": 0.3 * others / 2}


def _cross(logits: Tensor, wanted: Tensor) -> Tensor:
    return -(F.log_softmax(logits, 2) * wanted).sum(2).mean()


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    return command(
        __name__, __doc__, "corpus", "labels", "voices", out=WORK / "sync", minutes=15, rate=1.5e-3
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    options = parse(arguments(), argv)
    talks = load_talks(options.corpus, options.labels, options.voices)
    net = channels_last(Expert())
    print(f"{len(talks)} clips, {parameters(net)} parameters", flush=True)
    batches = Talks(talks, options.seed)

    def losses(expert: nn.Module) -> dict[str, Tensor]:
        mouths, mels, columns = batches.batch()
        with mixed():
            seen, heard = expert(mouths, mels, columns)
        return likeness_losses(seen.float(), heard.float(), expert.sharpness)  # type: ignore[arg-type]

    fit(net, losses, Plan.of(options), options.out, options.fresh)
