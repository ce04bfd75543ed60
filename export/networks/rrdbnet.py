"""ESRGAN's generator RRDBNet (Wang et al., 2018), as BasicSR names its layers: ×4, 16.7 M parameters."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

SLOPE = 0.2  # of the leaky ReLUs
DAMP = 0.2  # of the residuals


class DenseBlock(nn.Module):
    """Five densely connected convolutions, damped and added to the input."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, growth, 3, 1, 1)
        self.conv2 = nn.Conv2d(features + growth, growth, 3, 1, 1)
        self.conv3 = nn.Conv2d(features + 2 * growth, growth, 3, 1, 1)
        self.conv4 = nn.Conv2d(features + 3 * growth, growth, 3, 1, 1)
        self.conv5 = nn.Conv2d(features + 4 * growth, features, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block; the size stays."""
        grown = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            grown = torch.cat([grown, functional.leaky_relu(conv(grown), SLOPE)], 1)
        return self.conv5(grown) * DAMP + x


class ResidualDense(nn.Module):
    """Three dense blocks, damped and added to the input."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(features, growth)
        self.rdb2 = DenseBlock(features, growth)
        self.rdb3 = DenseBlock(features, growth)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block; the size stays."""
        return self.rdb3(self.rdb2(self.rdb1(x))) * DAMP + x


class RRDBNet(nn.Module):
    """The published generator, key for key."""

    def __init__(self, features: int = 64, blocks: int = 23, growth: int = 32) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(3, features, 3, 1, 1)
        self.body = nn.Sequential(*(ResidualDense(features, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(features, features, 3, 1, 1)
        self.conv_up1 = nn.Conv2d(features, features, 3, 1, 1)
        self.conv_up2 = nn.Conv2d(features, features, 3, 1, 1)
        self.conv_hr = nn.Conv2d(features, features, 3, 1, 1)
        self.conv_last = nn.Conv2d(features, 3, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32 (B, 3, H, W) RGB in 0…1 → (B, 3, 4H, 4W), not clamped."""
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for layer in (self.conv_up1, self.conv_up2):
            x = functional.leaky_relu(layer(functional.interpolate(x, scale_factor=2.0)), SLOPE)
        return self.conv_last(functional.leaky_relu(self.conv_hr(x), SLOPE))
