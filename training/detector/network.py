"""The bundled detector: plain 3×3 convolutions and ReLU.

It trains on normalised NCHW tensors; `DetectGraph` puts what the runtime feeds (uint8 NHWC) around it, so that the
exported graph holds every step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.blocks import block

STRIDES = (8, 16, 32, 64)
SIDES = (20.0, 44.0, 96.0, 208.0)


class DetectHeads(nn.Module):
    """Features (B, C, h, w) → score logits (B, 1, h, w), box offsets (B, 4, h, w), landmarks (B, 10, h, w)."""

    def __init__(self, width: int) -> None:
        """Take `width` channels."""
        super().__init__()
        self.score = nn.Conv2d(width, 1, 3, 1, 1)
        self.offset = nn.Conv2d(width, 4, 3, 1, 1)
        self.point = nn.Conv2d(width, 10, 3, 1, 1)
        assert self.score.bias is not None
        nn.init.constant_(self.score.bias, -3.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        return self.score(x), self.offset(x), self.point(x)


class DetectNet(nn.Module):
    """Frame (B, 3, H, W) in −1..1 → per stride: score logits, box offsets, landmarks, (B, C, h, w)."""

    def __init__(self, widths: Sequence[int] = (16, 32, 40, 56, 64, 64)) -> None:
        """Build a stem to stride 4 and four stages at strides 8 to 64."""
        super().__init__()
        a, b, *stages = widths
        self.stem = nn.Sequential(block(3, a, 2), block(a, b, 2), block(b, b))
        self.stages = nn.ModuleList()
        self.heads = nn.ModuleList()
        inside = b
        for width in stages:
            self.stages.append(nn.Sequential(block(inside, width, 2), block(width, width)))
            self.heads.append(DetectHeads(width))
            inside = width

    def forward(self, frame: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """See the class."""
        x = self.stem(frame)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        found = []
        with torch.autocast("cpu", enabled=False):
            for head, feature in zip(self.heads, maps, strict=True):
                x = feature.float()
                found.append(head(x))
        return found


def flat(tensor: Tensor) -> Tensor:
    """(B, C, h, w) → (B, h·w, C)."""
    return tensor.permute(0, 2, 3, 1).flatten(1, 2)


class DetectGraph(nn.Module):
    """`frame` uint8 (B, H, W, 3) BGR → scores (B, N), offsets (B, N, 4), points (B, N, 10)."""

    def __init__(self, net: DetectNet) -> None:
        """Wrap a trained network."""
        super().__init__()
        self.net = net

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        x = frame.permute(0, 3, 1, 2).float() * (1 / 127.5) - 1.0
        found = self.net(x)
        scores = torch.cat([flat(s) for s, _, _ in found], 1).squeeze(2)
        offsets = torch.cat([flat(o) for _, o, _ in found], 1)
        points = torch.cat([flat(p) for _, _, p in found], 1)
        return torch.sigmoid(scores), offsets, points
