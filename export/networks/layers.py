"""Small building blocks that several of the published networks share; key names are theirs."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class ConvBlock(nn.Module):
    """Convolution, batch norm, optional skip, ReLU: (B, cin, H, W) → (B, cout, H', W')."""

    def __init__(
        self, cin: int, cout: int, kernel: int, stride: int | tuple[int, int], pad: int, *, skip: bool = False
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(cin, cout, kernel, stride, pad), nn.BatchNorm2d(cout))
        self.skip = skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        out = self.conv_block(x)
        return functional.relu(out + x if self.skip else out)


class UpBlock(nn.Module):
    """Transposed 3×3 convolution, batch norm, ReLU."""

    def __init__(self, cin: int, cout: int, stride: int, pad: int, extra: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ConvTranspose2d(cin, cout, 3, stride, pad, extra), nn.BatchNorm2d(cout)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        return functional.relu(self.conv_block(x))


def residuals(channels: int, count: int) -> list[nn.Module]:
    """Return `count` blocks that keep the size and add their input."""
    return [ConvBlock(channels, channels, 3, 1, 1, skip=True) for _ in range(count)]


def audio_encoder(*, deep: bool) -> nn.Sequential:
    """Mel encoder of Wav2Lip: (B, 1, 80, 16) → (B, 512, 1, 1); `deep` is the sync expert's, one block longer."""
    return nn.Sequential(
        ConvBlock(1, 32, 3, 1, 1),
        *residuals(32, 2),
        ConvBlock(32, 64, 3, (3, 1), 1),
        *residuals(64, 2),
        ConvBlock(64, 128, 3, 3, 1),
        *residuals(128, 2),
        ConvBlock(128, 256, 3, (3, 2), 1),
        *residuals(256, 2 if deep else 1),
        ConvBlock(256, 512, 3, 1, 0),
        ConvBlock(512, 512, 1, 1, 0),
    )
