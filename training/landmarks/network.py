"""The landmark network: plain 3x3 convolutions; every point is the mean vote of many places of a feature map.

A place of the map votes with a weight (softmax over the map) for its own position plus an offset, so that points
are exact to a part of a cell and may lie outside the crop. The lips are voted for on a finer map of the mouth alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.blocks import block
from training.landmarks.points import COUNT, LIPS

SIDE = 128
TOP, LEFT, RIGHT = 12, 6, 26  # of the 32x32 map: what the lips are voted for on; down to its lower edge
POSE_UNIT = 30.0  # degrees
REACH = 0.1  # of the crop's side; the unit of a vote's offset


class Votes(nn.Module):
    """Features (B, C, h, w) → points (B, n, 2) in crop units 0..1."""

    centres: Tensor

    def __init__(self, inside: int, points: int, centres: Tensor) -> None:
        """Build for a map whose cells lie at `centres`, (h·w, 2) in crop units."""
        super().__init__()
        self.points = points
        self.maps = nn.Conv2d(inside, 3 * points, 1)
        nn.init.normal_(self.maps.weight, std=0.01)
        self.register_buffer("centres", centres, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        maps = self.maps(features)
        with torch.autocast("cpu", enabled=False):  # places need more than the three digits of bfloat16
            logits, x, y = maps.float().flatten(2).split(self.points, 1)
            weight = torch.softmax(logits, 2)
            offset = torch.stack([(weight * x).sum(2), (weight * y).sum(2)], 2)
            return weight @ self.centres + REACH * offset


class LandmarkNet(nn.Module):
    """Crop (B, 3, 128, 128) in −1..1 → points (B, 78, 3), pose (B, 3) in 30°, visibility logit (B,)."""

    def __init__(self) -> None:
        """Build: a trunk down to 4x4, and back up to 32x32 at the mouth."""
        super().__init__()
        self.at64 = nn.Sequential(block(3, 16, 2), block(16, 16))
        self.at32 = nn.Sequential(block(16, 32, 2), block(32, 32))
        self.at16 = nn.Sequential(block(32, 64, 2), block(64, 64))
        self.at8 = nn.Sequential(block(64, 80, 2), block(80, 80))
        self.at4 = block(80, 80, 2)
        self.whole = nn.Sequential(block(80, 32, 1, 1), nn.Flatten(), nn.Linear(512, COUNT + 4))
        self.up8 = block(80, 80, 1, 1)
        self.up16, self.join16 = block(80, 64, 1, 1), block(64, 64)
        self.up32 = block(64, 32, 1, 1)
        self.mouth = nn.Sequential(block(32, 48), block(48, 48))
        self.rest = Votes(64, COUNT - LIPS, cell_centres(0, 0, 16, 16))
        self.lips = Votes(48, LIPS, cell_centres(TOP, LEFT, 32, RIGHT, 32))

    def forward(self, face: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        x32 = self.at32(self.at64(face))
        x16 = self.at16(x32)
        x8 = self.at8(x16)
        x4 = self.at4(x8)
        x = x8 + _double(self.up8(x4))
        x = self.join16(x16 + _double(self.up16(x)))
        near = (x32 + _double(self.up32(x)))[:, :, TOP:, LEFT:RIGHT]
        near = self.mouth(near)
        with torch.autocast("cpu", enabled=False):
            whole = self.whole(x4.float())
        xy = torch.cat([self.lips(near), self.rest(x)], 1)
        points = torch.cat([xy, whole[:, :COUNT, None]], 2)
        return points, whole[:, COUNT : COUNT + 3], whole[:, COUNT + 3]


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def cell_centres(top: int, left: int, bottom: int, right: int, cells: int = 16) -> Tensor:
    """Return the centres of a part of a square map of `cells` × `cells`, (h·w, 2) x, y in crop units."""
    y, x = torch.meshgrid(torch.arange(top, bottom), torch.arange(left, right), indexing="ij")
    return (torch.stack([x.flatten(), y.flatten()], 1).float() + 0.5) / cells


class LandmarkGraph(nn.Module):
    """`face` uint8 (B, 128, 128, 3) BGR → `points` (B, 78, 3), `pose` (B, 3) degrees, `visible` (B,) 0..1."""

    def __init__(self, net: LandmarkNet) -> None:
        """Wrap a trained network."""
        super().__init__()
        self.net = net

    def forward(self, face: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        points, pose, visible = self.net(face.permute(0, 3, 1, 2).float() * (1 / 127.5) - 1.0)
        return points, pose * POSE_UNIT, torch.sigmoid(visible)
