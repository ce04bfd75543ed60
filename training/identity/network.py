"""The identity network: plain 3x3 convolutions down to 4x4, and 128 numbers of length 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.blocks import block
from training.identity.views import SIDE

SIZE = 128  # numbers that stand for a face


class IdentityNet(nn.Module):
    """Crop (B, 3, 64, 64) in −1..1 → embedding (B, 128), not yet of length 1."""

    def __init__(self) -> None:
        """Build."""
        super().__init__()
        self.trunk = nn.Sequential(
            block(3, 24, 2), block(24, 24),
            block(24, 48, 2), block(48, 48),
            block(48, 88, 2), block(88, 88),
            block(88, 144, 2), block(144, 144),
        )  # fmt: skip
        self.last = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(144 * 16, SIZE))

    def forward(self, face: Tensor) -> Tensor:
        """See the class."""
        x = self.trunk(face)
        with torch.autocast("cpu", enabled=False):
            return self.last(x.float())


class IdentityGraph(nn.Module):
    """`face` uint8 (B, 64, 64, 3) BGR → `embedding` (B, 128), each of length 1."""

    def __init__(self, net: IdentityNet) -> None:
        """Wrap a trained network."""
        super().__init__()
        self.net = net

    def forward(self, face: Tensor) -> Tensor:
        """See the class."""
        return F.normalize(self.net(face.permute(0, 3, 1, 2).float() * (1 / 127.5) - 1.0))


def images(views: list[Tensor]) -> Tensor:
    """Stack views, uint8 (64, 64, 3) each, as (B, 3, 64, 64) in −1..1."""
    assert views[0].shape == (SIDE, SIDE, 3)
    return torch.stack(views).permute(0, 3, 1, 2).float() / 127.5 - 1.0
