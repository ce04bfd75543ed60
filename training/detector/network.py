"""The three small bundled networks: detector, segmenter and enhancer, all plain 3x3 convolutions and ReLU.

They train on normalised NCHW tensors; the `…Graph` wrappers put what the runtime feeds (NHWC, uint8 for the
first two) around them, so that the exported graph holds every step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

STRIDES = (8, 16, 32, 64)
SIDES = (20.0, 44.0, 96.0, 208.0)
CLASSES = ("rest", "skin", "lips", "mouth")


def block(inside: int, outside: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


def folded(net: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution before it; changes and returns `net`, in eval mode."""
    net.eval()
    for parent in list(net.modules()):
        if isinstance(parent, nn.Sequential) and len(parent) == 3 and isinstance(parent[1], nn.BatchNorm2d):
            parent[0] = fuse_conv_bn_eval(parent[0], parent[1])
            parent[1] = nn.Identity()
    return net


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
            head = nn.ModuleDict({"score": nn.Conv2d(width, 1, 3, 1, 1)})
            head["offset"] = nn.Conv2d(width, 4, 3, 1, 1)
            head["point"] = nn.Conv2d(width, 10, 3, 1, 1)
            nn.init.constant_(head["score"].bias, -3.0)
            self.heads.append(head)
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
                found.append((head["score"](x), head["offset"](x), head["point"](x)))
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
