"""Convolution blocks of the small networks, and how their batch norms are folded for export."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def block(inside: int, outside: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


def mel_spectrum() -> nn.Sequential:
    """Mel / 4 (B, 1, 80, T) → (B, 32, 20, T − 4): neighbouring bands together, their number a quarter."""
    return nn.Sequential(
        nn.Conv2d(1, 16, (5, 3), (2, 1), (2, 0)),
        nn.ReLU(),
        nn.Conv2d(16, 32, (3, 3), (2, 1), (1, 0)),
        nn.ReLU(),
    )


def folded(net: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution before it; changes and returns `net`, in eval mode."""
    net.eval()
    for parent in list(net.modules()):
        if not isinstance(parent, nn.Sequential) or len(parent) != 3:
            continue
        conv, norm = parent[0], parent[1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            parent[0], parent[1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return net
