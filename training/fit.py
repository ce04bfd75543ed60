"""One training loop for the small networks: AdamW, cosine by the clock, averaged weights, resumable."""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from lipsync_edge.atomic_write import replacing

Losses = dict[str, Tensor]
Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train.

    Attributes:
        minutes: training time; the learning rate falls to nearly zero over it.
        rate: highest learning rate.
        steps: stop after so many steps even when time is left (0 = no limit).
        stop_after: minutes after which to stop, if sooner (0 = no limit); the rate falls as if there were no stop.
        save_every: seconds between checkpoints.
        average: decay of the averaged weights.
        warmup: steps over which the learning rate rises.
    """

    minutes: float
    rate: float = 2e-3
    steps: int = 0
    stop_after: float = 0.0
    save_every: float = 120.0
    average: float = 0.998
    warmup: int = 100

    @classmethod
    def of(cls, options: argparse.Namespace) -> Plan:
        """Return the plan that the shared options of a command ask for."""
        return cls(minutes=options.minutes, rate=options.rate, stop_after=options.stop_after or 0.0)

    def rate_at(self, progress: Progress) -> float:
        """Return the learning rate: it rises over `warmup`, then falls as a cosine of the time spent."""
        done = min(progress.seconds / (60 * self.minutes), 1.0)
        warm = min(1.0, (progress.step + 1) / self.warmup)
        return self.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(done * math.pi)))

    @property
    def seconds(self) -> float:
        """How long to train, at most."""
        return 60 * min(self.minutes, self.stop_after or self.minutes)


@dataclass(slots=True)
class Progress:
    """Where a training run stands; saved with the weights."""

    step: int = 0
    seconds: float = 0.0


def fit(
    net: Net, losses: Callable[[nn.Module], Losses], plan: Plan, folder: Path, fresh: bool = False
) -> Net:
    """Train `net` and return a copy that holds the averaged weights.

    Args:
        net: the network; changed in place.
        losses: makes a batch, runs the network on it and returns the weighted terms whose sum is minimised.
        plan: how long.
        folder: takes `last.pt` (to resume from) and `log.jsonl`.
        fresh: start a new learning-rate cycle: keep the saved weights, forget the time spent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=1e-3)
    mean = copy.deepcopy(net).eval()
    progress = _resume(net, mean, optimiser, folder / "last.pt", fresh)
    started, saved = time.monotonic() - progress.seconds, time.monotonic()
    sums: dict[str, list[float]] = {}
    while progress.seconds < plan.seconds and not (plan.steps and progress.step >= plan.steps):
        rate = plan.rate_at(progress)
        for group in optimiser.param_groups:
            group["lr"] = rate
        net.train()
        terms = losses(net)
        optimiser.zero_grad(set_to_none=True)
        sum(terms.values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        _average(mean, net, min(plan.average, (progress.step + 1) / (progress.step + 10)))
        progress.step += 1
        progress.seconds = time.monotonic() - started
        for key, term in terms.items():
            sums.setdefault(key, []).append(float(term.detach()))
        if progress.step % 100 == 0:
            _log(folder, progress, rate, {key: sum(values) / len(values) for key, values in sums.items()})
            sums = {}
        if time.monotonic() - saved > plan.save_every:
            _save(net, mean, optimiser, progress, folder / "last.pt")
            saved = time.monotonic()
    _save(net, mean, optimiser, progress, folder / "last.pt")
    return mean


def load_mean(net: Net, folder: Path) -> Net:
    """Load the averaged weights of a training folder into `net`."""
    state = torch.load(folder / "last.pt", map_location="cpu", weights_only=True)
    net.load_state_dict(state["mean"])
    return net.eval()


def mixed() -> torch.autocast:
    """Return a context in which bfloat16 is computed with, where the processor has instructions for it.

    Without them bfloat16 is emulated, many times slower than float32.
    """
    fast = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)


def channels_last(net: Net) -> Net:
    """Lay the weights as convolutions on CPUs like them, in place; returns the network."""
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net


def contiguous(net: Net) -> Net:
    """Undo `channels_last`, for export, in place; returns the network."""
    net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return net


@torch.no_grad()
def _average(mean: nn.Module, net: nn.Module, decay: float) -> None:
    for kept, new in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _resume(
    net: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer, path: Path, fresh: bool
) -> Progress:
    if not path.is_file():
        return Progress()
    state = torch.load(path, map_location="cpu", weights_only=True)
    net.load_state_dict(state["mean" if fresh else "net"])
    mean.load_state_dict(state["mean"])
    if fresh:
        return Progress()
    optimiser.load_state_dict(state["optimiser"])
    return Progress(int(state["step"]), float(state["seconds"]))


def _save(
    net: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress, path: Path
) -> None:
    state = {"net": net.state_dict(), "mean": mean.state_dict(), "optimiser": optimiser.state_dict()}
    with replacing(path) as beside:
        torch.save({**state, "step": progress.step, "seconds": progress.seconds}, beside)


def _log(folder: Path, progress: Progress, rate: float, means: dict[str, float]) -> None:
    row = {"step": progress.step, "seconds": round(progress.seconds, 1), "rate": rate, **means}
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(" ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
