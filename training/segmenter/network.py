"""The bundled segmenter: a small U-Net of plain 3×3 convolutions and ReLU.

It trains on normalised NCHW tensors; `SegmentGraph` puts what the runtime feeds (uint8 NHWC) around it, so that the
exported graph holds every step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.blocks import block

CLASSES = ("rest", "skin", "lips", "mouth")


class SegmentNet(nn.Module):
    """Crop (B, 3, 128, 128) in −1..1 → class logits (B, 4, 64, 64); a small U-Net down to 8×8."""

    def __init__(self, widths: Sequence[int] = (16, 32, 48, 64)) -> None:
        """Build with the channels at 64, 32, 16 and 8 pixels."""
        super().__init__()
        a, b, c, d = widths
        self.at64 = nn.Sequential(block(3, a, 2), block(a, a))
        self.at32 = nn.Sequential(block(a, b, 2), block(b, b))
        self.at16 = nn.Sequential(block(b, c, 2), block(c, c))
        self.at8 = nn.Sequential(block(c, d, 2), block(d, d), block(d, d))
        self.up16, self.join16 = block(d, c, 1, 1), block(c, c)
        self.up32, self.join32 = block(c, b, 1, 1), block(b, b)
        self.up64, self.join64 = block(b, a, 1, 1), block(a, a)
        self.classes = nn.Conv2d(a, len(CLASSES), 3, 1, 1)

    def forward(self, face: Tensor) -> Tensor:
        """See the class."""
        x64 = self.at64(face)
        x32 = self.at32(x64)
        x16 = self.at16(x32)
        x = self.at8(x16)
        x = self.join16(_double(self.up16(x)) + x16)
        x = self.join32(_double(self.up32(x)) + x32)
        x = self.join64(_double(self.up64(x)) + x64)
        with torch.autocast("cpu", enabled=False):
            logits: Tensor = self.classes(x.float())
        return logits


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class SegmentGraph(nn.Module):
    """`face` uint8 (B, 128, 128, 3) BGR → `regions` float32 (B, 4, 64, 64), probabilities."""

    def __init__(self, net: SegmentNet) -> None:
        """Wrap a trained network."""
        super().__init__()
        self.net = net

    def forward(self, face: Tensor) -> Tensor:
        """See the class."""
        x = face.permute(0, 3, 1, 2).float() * (1 / 127.5) - 1.0
        return torch.softmax(self.net(x), 1)
