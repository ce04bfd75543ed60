"""S3FD (Zhang et al., 2017): the face detector of face_alignment and so of Wav2Lip."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

VGG: tuple[tuple[str, int, int], ...] = (
    ("1_1", 3, 64),
    ("1_2", 64, 64),
    ("2_1", 64, 128),
    ("2_2", 128, 128),
    ("3_1", 128, 256),
    ("3_2", 256, 256),
    ("3_3", 256, 256),
    ("4_1", 256, 512),
    ("4_2", 512, 512),
    ("4_3", 512, 512),
    ("5_1", 512, 512),
    ("5_2", 512, 512),
    ("5_3", 512, 512),
)
HEADS: tuple[tuple[str, int], ...] = (
    ("conv3_3_norm", 256),
    ("conv4_3_norm", 512),
    ("conv5_3_norm", 512),
    ("fc7", 1024),
    ("conv6_2", 512),
    ("conv7_2", 256),
)
POOL_BEFORE = ("2_1", "3_1", "4_1", "5_1")


class L2Norm(nn.Module):
    """Scale every pixel's feature vector to unit length, then each channel by a learnt factor."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → the same shape."""
        return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10) * self.weight.view(1, -1, 1, 1)


class S3fd(nn.Module):
    """The published detector, key for key."""

    def __init__(self) -> None:
        super().__init__()
        for name, cin, cout in VGG:
            setattr(self, f"conv{name}", nn.Conv2d(cin, cout, 3, 1, 1))
        self.fc6 = nn.Conv2d(512, 1024, 3, 1, 3)
        self.fc7 = nn.Conv2d(1024, 1024, 1)
        self.conv6_1 = nn.Conv2d(1024, 256, 1)
        self.conv6_2 = nn.Conv2d(256, 512, 3, 2, 1)
        self.conv7_1 = nn.Conv2d(512, 128, 1)
        self.conv7_2 = nn.Conv2d(128, 256, 3, 2, 1)
        self.conv3_3_norm, self.conv4_3_norm, self.conv5_3_norm = L2Norm(256), L2Norm(512), L2Norm(512)
        for i, (name, channels) in enumerate(HEADS):
            setattr(self, f"{name}_mbox_conf", nn.Conv2d(channels, 4 if i == 0 else 2, 3, 1, 1))
            setattr(self, f"{name}_mbox_loc", nn.Conv2d(channels, 4, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the twelve heads.

        Args:
            x: float32 (B, 3, H, W), RGB minus (104, 117, 123), H and W at least 32.

        Returns:
            For strides 4, 8, … 128: class logits (B, 2, h, w) (background, face), then offsets (B, 4, h, w). The
            stride-32 map is four cells larger than H // 32 because fc6 pads by three.
        """
        heads: list[torch.Tensor] = []
        for feature, (name, _) in zip(self._features(x), HEADS, strict=True):
            heads += [getattr(self, f"{name}_mbox_conf")(feature), getattr(self, f"{name}_mbox_loc")(feature)]
        first = heads[0]
        heads[0] = torch.cat([first[:, :3].amax(1, keepdim=True), first[:, 3:]], 1)
        return tuple(heads)

    def _features(self, x: torch.Tensor) -> list[torch.Tensor]:
        kept = []
        for name, _, _ in VGG:
            if name in POOL_BEFORE:
                x = functional.max_pool2d(x, 2)
            x = functional.relu(getattr(self, f"conv{name}")(x))
            if name in ("3_3", "4_3", "5_3"):
                kept.append(getattr(self, f"conv{name}_norm")(x))
        x = functional.relu(self.fc6(functional.max_pool2d(x, 2)))
        kept.append(functional.relu(self.fc7(x)))
        kept.append(functional.relu(self.conv6_2(functional.relu(self.conv6_1(kept[-1])))))
        kept.append(functional.relu(self.conv7_2(functional.relu(self.conv7_1(kept[-1])))))
        return kept
