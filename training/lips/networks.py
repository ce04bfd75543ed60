"""The lip network: an ear (mel → shape code) and a hand (face + code → flow, mask, paint).

Between them stands only the code, eight numbers that say nothing about who speaks or who is seen; so a voice that was
never heard moves a face that was never seen as far as any other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.train.lips_shape import CODES

FLOW_RANGE = 0.15  # of the crop side: the farthest a pixel is carried
WINDOW = (0.25, 0.4375, 0.75, 0.9375)  # of the crop: left, top, right, bottom of where mask and paint lie
COLOURS = (0.15, 0.5, 0.85, 1.2, 2.3)  # times the skin: the colours inside a mouth, dark to tooth
TINTS = ((0.6, 0.6, 0.6), (0.45, 0.0, -0.45), (-0.1, 0.2, -0.1))  # at most, ln of BGR: light, blue, green
CHEEKS = (32, 56, 96, 104)  # in crop pixels: whose mean colour the paint is measured in


class Ear(nn.Module):
    """Mel (B, 80, T), T ≥ 30 → shape codes (B, 8, T − 29); no padding in time, so a window of 30 columns gives one.

    Training runs it over whole stretches at once, the exported graph over single windows; the numbers are the same.
    """

    COLUMNS = 30

    def __init__(self, width: int = 160) -> None:
        super().__init__()
        self.spectrum = nn.Sequential(
            nn.Conv2d(1, 16, (5, 3), (2, 1), (2, 0)),
            nn.ReLU(),
            nn.Conv2d(16, 32, (3, 3), (2, 1), (1, 0)),
            nn.ReLU(),
        )
        self.bands = nn.Sequential(nn.Conv1d(32 * 20, width, 1), nn.ReLU(), nn.Dropout1d(0.15))
        self.time = nn.Sequential(
            nn.Conv1d(width, width, 5), nn.ReLU(),
            nn.Conv1d(width, width, 3, dilation=2), nn.ReLU(),
            nn.Conv1d(width, width, 3, dilation=4), nn.ReLU(),
            nn.Conv1d(width, width, 10), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Dropout(0.25), nn.Conv1d(width, width, 1), nn.ReLU(), nn.Conv1d(width, CODES, 1)
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Return the codes of every window of 30 columns."""
        spectrum = self.spectrum(mel.unsqueeze(1) / 4)
        return self.head(self.time(self.bands(spectrum.flatten(1, 2))))


class Ears(nn.Module):
    """Several ears, trained from other seeds, heard as one: their mean errs less than any of them."""

    def __init__(self, ears: Sequence[nn.Module]) -> None:
        super().__init__()
        self.ears = nn.ModuleList(ears)

    def forward(self, mel: Tensor) -> Tensor:
        """Return the mean of the codes, as `Ear` does."""
        return torch.stack([ear(mel) for ear in self.ears]).mean(0)


class Film(nn.Module):
    """A convolution whose channels are scaled and shifted by the code."""

    def __init__(self, inputs: int, outputs: int, code: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.film = nn.Linear(code, 2 * outputs)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Return ReLU((1 + scale)·conv(x) + shift)."""
        scale, shift = self.film(code)[:, :, None, None].chunk(2, 1)
        return F.relu(self.conv(x) * (1 + scale) + shift)


def down(inputs: int, outputs: int) -> nn.Sequential:
    """Halve the size, then look once more."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, 2, 1), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, 1, 1), nn.ReLU()
    )


class Hand(nn.Module):
    """Aligned crops (B, 3, 128, 128) BGR 0…1 and codes (B, 8) → flow over the crop, mask and paint over the window.

    It first estimates the code of the mouth that it sees, so that it knows how far that one has to move. Paint is mixed
    of five colours that it tints for the whole picture, whatever the code, as multiples of the skin's mean: so light
    and white balance are the picture's own, no pixel gets a colour of its own, and none is far from what mouths have.
    """

    def __init__(self) -> None:
        super().__init__()
        self.code = nn.Sequential(nn.Linear(2 * CODES, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.estimate = nn.Sequential(
            nn.Conv2d(128, 32, 1), nn.ReLU(), nn.Flatten(),
            nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, CODES),
        )  # fmt: skip
        self.first = nn.Sequential(nn.Conv2d(12, 32, 3, 1, 1), nn.ReLU())  # 64 px
        self.down = nn.ModuleList([down(32, 64), down(64, 96), down(96, 128), down(128, 128)])  # 32, 16, 8, 4
        self.bottom = Film(128, 128, 64)
        self.up = nn.ModuleList(
            [Film(128 + 128, 128, 64), Film(128 + 96, 96, 64), Film(96 + 64, 64, 64), Film(64 + 32, 32, 64)]
        )
        self.refine = Film(32, 32, 64)
        self.flow = nn.Conv2d(32, 2, 3, 1, 1)  # 64 px
        self.near = nn.ModuleList([Film(32, 64, 64), Film(64, 64, 64)])  # the window: 32 px
        self.closer = Film(64, 32, 64)  # 64 px
        self.look = nn.Conv2d(32, 4, 3, 1, 1)  # the mask at 128 px by depth-to-space
        self.shares = nn.Conv2d(32, 4 * len(COLOURS), 3, 1, 1)  # and how much of each colour
        self.tint = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 3 * len(COLOURS)))
        self.register_buffer("colours", torch.tensor(COLOURS)[:, None], persistent=False)
        self.register_buffer("tints", torch.tensor(TINTS), persistent=False)
        for layer in (self.flow, self.look, self.shares, self.tint[-1]):
            nn.init.normal_(layer.weight, 0, 1e-3)
            nn.init.zeros_(layer.bias)

    def forward(self, face: Tensor, code: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return flow, mask, paint and what was seen.

        Returns:
            Flow (B, 2, 64, 64) in crop sides, mask logits (B, 1, 128, 128), paint (B, 3, 128, 128) 0…1, and the code
            (B, 8) of the mouth in `face`.
        """
        left, top, right, bottom = CHEEKS
        skin = face[:, :, top:bottom, left:right].mean((2, 3), keepdim=True)
        x = self.first(F.pixel_unshuffle(face - 0.5, 2))
        skips = [x]
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        seen = self.estimate(x)
        tint = torch.tanh(self.tint(x.mean((2, 3))).reshape(-1, len(COLOURS), 3)) @ self.tints
        colours = (skin.flatten(1)[:, None] * self.colours * torch.exp(tint)).clamp(max=1)
        code = self.code(torch.cat([code, seen], 1))
        x = self.bottom(skips.pop(), code)
        for layer in self.up:
            x = layer(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skips.pop()], 1), code)
        x = self.refine(x, code)
        flow = FLOW_RANGE * torch.tanh(self.flow(x))
        left, top, right, bottom = (round(64 * part) for part in WINDOW)
        x = x[:, :, top:bottom, left:right]
        for layer in self.near:
            x = layer(x, code)
        x = self.closer(F.interpolate(x, scale_factor=2.0, mode="nearest"), code)
        shares = self.shares(x).reshape(-1, len(COLOURS), 4 * 64 * 64) * 4
        shares = torch.exp(
            shares - shares.amax(1, keepdim=True)
        )  # softmax over any but the last axis is slow on CPUs
        paint = colours.transpose(1, 2) @ shares / shares.sum(1, keepdim=True)
        paint = F.pixel_shuffle(paint.reshape(-1, 12, 64, 64), 2)
        return flow, F.pixel_shuffle(self.look(x), 2) * 8 - 2, paint, seen


def compose(fine: Tensor, flow: Tensor, mask: Tensor, paint: Tensor) -> Tensor:
    """Return the mouth's window of mask·paint + (1 − mask)·fine(p + flow(p)).

    Args:
        fine: (B, 3, H, H), the whole crop at any resolution.
        flow: (B, 2, h, h) over the crop, in crop sides.
        mask: (B, 1, S, S) over the window, 0…1.
        paint: (B, 3, S, S) over the window.
    """
    size = mask.shape[-1]
    across, down = (
        torch.linspace(WINDOW[k] + half, WINDOW[k + 2] - half, size, dtype=flow.dtype) * 2 - 1
        for k, half in ((0, (WINDOW[2] - WINDOW[0]) / 2 / size), (1, (WINDOW[3] - WINDOW[1]) / 2 / size))
    )
    grid = torch.stack([across.expand(size, size), down[:, None].expand(size, size)], -1)
    grid = grid.expand(len(fine), -1, -1, -1)
    options = {"mode": "bilinear", "padding_mode": "border", "align_corners": False}
    moved = F.grid_sample(flow, grid, **options)
    carried = F.grid_sample(fine, grid + 2 * moved.permute(0, 2, 3, 1), **options)
    return carried + mask * (paint - carried)
