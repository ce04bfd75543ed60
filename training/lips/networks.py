"""The lip network: an audio encoder, a mouth renderer, and eight mouth coefficients between them.

The encoder hears mel columns; the renderer turns a face and the coefficients into flow, mask and mouth interior.

The coefficients say nothing about who speaks or who is seen; so a voice that was
never heard moves a face that was never seen as far as any other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.blocks import mel_spectrum
from training.lips.coefficients import COEFFICIENTS

FLOW_RANGE = 0.15  # of the crop side: the farthest a pixel is carried
WINDOW = (0.25, 0.4375, 0.75, 0.9375)  # of the crop: left, top, right, bottom of where mask and interior lie
COLOURS = (0.15, 0.5, 0.85, 1.2, 2.3)  # times the skin: the colours inside a mouth, dark to tooth
TINTS = ((0.6, 0.6, 0.6), (0.45, 0.0, -0.45), (-0.1, 0.2, -0.1))  # at most, ln of BGR: light, blue, green
CHEEKS = (32, 56, 96, 104)  # in crop pixels: whose mean colour the interior is measured in


class AudioEncoder(nn.Module):
    """Mel (B, 80, T), T ≥ 30 → mouth coefficients (B, 8, T − 29): one set for each window of 30 columns.

    Training runs it over whole stretches at once, the exported graph over single windows; the numbers are the same.
    """

    COLUMNS = 30

    def __init__(self, width: int = 160) -> None:
        super().__init__()
        self.spectrum = mel_spectrum()
        self.bands = nn.Sequential(nn.Conv1d(32 * 20, width, 1), nn.ReLU(), nn.Dropout1d(0.15))
        self.time = nn.Sequential(
            nn.Conv1d(width, width, 5), nn.ReLU(),
            nn.Conv1d(width, width, 3, dilation=2), nn.ReLU(),
            nn.Conv1d(width, width, 3, dilation=4), nn.ReLU(),
            nn.Conv1d(width, width, 10), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Dropout(0.25), nn.Conv1d(width, width, 1), nn.ReLU(), nn.Conv1d(width, COEFFICIENTS, 1)
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Return the coefficients of every window of 30 columns."""
        spectrum = self.spectrum(mel.unsqueeze(1) / 4)
        return self.head(self.time(self.bands(spectrum.flatten(1, 2))))


class AudioEncoders(nn.Module):
    """Several audio encoders, trained from other seeds, heard as one: their mean errs less than any of them."""

    def __init__(self, encoders: Sequence[nn.Module]) -> None:
        super().__init__()
        self.ears = nn.ModuleList(encoders)  # the name in the graph that ships

    def forward(self, mel: Tensor) -> Tensor:
        """Return the mean of the coefficients, as `AudioEncoder` does."""
        return torch.stack([encoder(mel) for encoder in self.ears]).mean(0)


class Film(nn.Module):
    """A convolution whose channels are scaled and shifted by the coefficients."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.film = nn.Linear(width, 2 * outputs)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return ReLU((1 + scale)·conv(x) + shift)."""
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
        return F.relu(self.conv(x) * (1 + scale) + shift)


def down(inputs: int, outputs: int) -> nn.Sequential:
    """Halve the size, then look once more."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, 2, 1), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, 1, 1), nn.ReLU()
    )


class MouthRenderer(nn.Module):
    """Aligned crops (B, 3, 128, 128) BGR 0…1 and coefficients (B, 8) → flow, mask and mouth interior.

    The flow lies over the crop, mask and interior over the window.

    It first estimates the coefficients of the mouth that it sees, so that it knows how far it has to move. The
    interior is mixed of five colours that it tints for the whole picture, whatever the coefficients, as multiples of
    the skin's mean: so light and white balance are the picture's own, no pixel gets a colour of its own, and none is
    far from what mouths have.
    """

    colours: Tensor
    tints: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.code = nn.Sequential(nn.Linear(2 * COEFFICIENTS, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.estimate = nn.Sequential(
            nn.Conv2d(128, 32, 1), nn.ReLU(), nn.Flatten(),
            nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, COEFFICIENTS),
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
        tinted = nn.Linear(64, 3 * len(COLOURS))
        self.tint = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), tinted)
        self.register_buffer("colours", torch.tensor(COLOURS)[:, None], persistent=False)
        self.register_buffer("tints", torch.tensor(TINTS), persistent=False)
        for weight, bias in ((one.weight, one.bias) for one in (self.flow, self.look, self.shares, tinted)):
            nn.init.normal_(weight, 0, 1e-3)
            assert bias is not None
            nn.init.zeros_(bias)

    def forward(self, face: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return flow, mask, mouth interior and what was seen.

        Returns:
            Flow (B, 2, 64, 64) in crop sides, mask logits (B, 1, 128, 128), interior (B, 3, 128, 128) 0…1, and the
            coefficients (B, 8) of the mouth in `face`.
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
        condition = self.code(torch.cat([coefficients, seen], 1))
        x = self.bottom(skips.pop(), condition)
        for layer in self.up:
            x = layer(
                torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skips.pop()], 1), condition
            )
        x = self.refine(x, condition)
        flow = FLOW_RANGE * torch.tanh(self.flow(x))
        left, top, right, bottom = (round(64 * part) for part in WINDOW)
        x = x[:, :, top:bottom, left:right]
        for layer in self.near:
            x = layer(x, condition)
        x = self.closer(F.interpolate(x, scale_factor=2.0, mode="nearest"), condition)
        shares = self.shares(x).reshape(-1, len(COLOURS), 4 * 64 * 64) * 4
        # softmax over any but the last axis is slow on CPUs
        shares = torch.exp(shares - shares.amax(1, keepdim=True))
        interior = colours.transpose(1, 2) @ shares / shares.sum(1, keepdim=True)
        interior = F.pixel_shuffle(interior.reshape(-1, 12, 64, 64), 2)
        return flow, F.pixel_shuffle(self.look(x), 2) * 8 - 2, interior, seen


def compose(fine: Tensor, flow: Tensor, mask: Tensor, interior: Tensor) -> Tensor:
    """Return the mouth's window of mask·interior + (1 − mask)·fine(p + flow(p)).

    Args:
        fine: (B, 3, H, H), the whole crop at any resolution.
        flow: (B, 2, h, h) over the crop, in crop sides.
        mask: (B, 1, S, S) over the window, 0…1.
        interior: (B, 3, S, S) over the window.
    """
    size = mask.shape[-1]
    across, down = (
        torch.linspace(WINDOW[k] + half, WINDOW[k + 2] - half, size, dtype=flow.dtype) * 2 - 1
        for k, half in ((0, (WINDOW[2] - WINDOW[0]) / 2 / size), (1, (WINDOW[3] - WINDOW[1]) / 2 / size))
    )
    grid = torch.stack([across.expand(size, size), down[:, None].expand(size, size)], -1)
    grid = grid.expand(len(fine), -1, -1, -1)
    moved = _sample(flow, grid)
    carried = _sample(fine, grid + 2 * moved.permute(0, 2, 3, 1))
    return carried + mask * (interior - carried)


def _sample(image: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
