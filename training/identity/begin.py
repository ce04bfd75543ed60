"""Begin training from a graph that was exported: its weights, with the batch norms that were folded into them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from training.identity.network import IdentityNet

BATCHES = 6  # that the batch norms are set by


def begin_from(net: IdentityNet, graph: Path, draw: Callable[[], Tensor]) -> None:
    """Take over the weights of an exported fp32 graph, in place.

    A convolution's folded norm is set apart again: its mean and variance are measured on what is learnt from, its
    weight and bias are those that undo them. Learning goes on where the graph stands, with norms that are alive.

    Args:
        net: the network.
        graph: what `training.identity.train.write` gave.
        draw: gives images (B, 3, 64, 64) in −1..1.
    """
    held = {one.name: numpy_helper.to_array(one) for one in onnx.load(str(graph)).graph.initializer}
    norms: list[tuple[nn.BatchNorm2d, Tensor]] = []
    with torch.no_grad():
        for place, stage in enumerate(net.trunk):
            conv, norm = _parts(stage)
            conv.weight.copy_(torch.from_numpy(held[f"net.trunk.{place}.0.weight"].copy()))
            norms.append((norm, torch.from_numpy(held[f"net.trunk.{place}.0.bias"].copy())))
            _undo(norm, norms[-1][1], torch.zeros(norm.num_features), torch.ones(norm.num_features))
        last = net.last[-1]
        assert isinstance(last, nn.Linear), "the last layer is dense"
        last.weight.copy_(torch.from_numpy(held["net.last.2.weight"].copy()))
        last.bias.copy_(torch.from_numpy(held["net.last.2.bias"].copy()))
        for (norm, bias), (mean, variance) in zip(norms, _moments(net, draw), strict=True):
            _undo(norm, bias, mean, variance)


def _parts(stage: nn.Module) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    assert isinstance(stage, nn.Sequential), "a block"
    conv, norm = stage[0], stage[1]
    assert isinstance(conv, nn.Conv2d), "a block begins with a convolution"
    assert isinstance(norm, nn.BatchNorm2d), "and goes on with a norm"
    return conv, norm


def _undo(norm: nn.BatchNorm2d, bias: Tensor, mean: Tensor, variance: Tensor) -> None:
    """Set a norm so that with these moments it does no more than add the bias."""
    assert norm.running_mean is not None, "norms keep their moments"
    assert norm.running_var is not None, "norms keep their moments"
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(torch.sqrt(variance + norm.eps))
    norm.bias.copy_(bias + mean)


def _moments(net: IdentityNet, draw: Callable[[], Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return mean and variance of what enters each norm."""
    seen: list[list[tuple[Tensor, Tensor]]] = [[] for _ in net.trunk]
    hooks = []
    for k, stage in enumerate(net.trunk):

        def note(_: nn.Module, given: tuple[Tensor, ...], k: int = k) -> None:
            x = given[0]
            seen[k].append((x.mean((0, 2, 3)), (x * x).mean((0, 2, 3))))

        hooks.append(_parts(stage)[1].register_forward_pre_hook(note))
    net.eval()
    for _ in range(BATCHES):
        net(draw())
    for hook in hooks:
        hook.remove()
    means = [[torch.stack(column).mean(0) for column in zip(*rows, strict=True)] for rows in seen]
    return [(mean, (square - mean * mean).clamp_min(1e-6)) for mean, square in means]


@torch.no_grad()
def weights_of(net: IdentityNet, views: Callable[[Tensor], Tensor], people: int) -> Tensor:
    """Return what the network says of everybody, (people, 128), each of length 1: where their weights begin.

    Args:
        net: as `begin_from` left it.
        views: numbers of people (n,) → an image of each, (n, 3, 64, 64).
        people: how many there are.
    """
    net.eval()
    parts = [torch.arange(first, min(first + 128, people)) for first in range(0, people, 128)]
    return torch.cat([F.normalize(net(views(some))) for some in parts])
