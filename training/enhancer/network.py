"""The bundled enhancer: residual 3×3 convolutions at half the size, added to a bilinear enlargement."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    """x plus two convolutions of it."""

    def __init__(self, width: int) -> None:
        """Build at constant width."""
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, 1, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x + self.second(F.relu(self.first(x)))


class EnhanceNet(nn.Module):
    """Image (B, 3, H, W) 0..1, H and W even → twice the size: bilinear base plus learnt detail."""

    def __init__(self, width: int = 48, depth: int = 5) -> None:
        """Build `depth` residual pairs of `width` channels at half size, then depth-to-space by 4."""
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1), nn.ReLU(), *(Residual(width) for _ in range(depth)), nn.ReLU()
        )
        self.tail = nn.Conv2d(width, 48, 3, 1, 1)
        nn.init.normal_(self.tail.weight, std=1e-3)
        assert self.tail.bias is not None
        nn.init.zeros_(self.tail.bias)
        self.shuffle = nn.PixelShuffle(4)

    def forward(self, image: Tensor) -> Tensor:
        """See the class; not clamped, so that training has gradients everywhere."""
        detail_at_half = self.body(image)
        with torch.autocast("cpu", enabled=False):
            detail = self.shuffle(self.tail(detail_at_half.float()))
            base = F.interpolate(image.float(), scale_factor=2.0, mode="bilinear", align_corners=False)
            return base + detail


class EnhanceGraph(nn.Module):
    """`image` float32 (B, H, W, 3) BGR 0..1 → `image_out` float32 (B, 2H, 2W, 3), clamped."""

    def __init__(self, net: EnhanceNet) -> None:
        """Wrap a trained network."""
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        return self.net(image.permute(0, 3, 1, 2)).clamp(0.0, 1.0).permute(0, 2, 3, 1)
