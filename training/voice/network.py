"""The audio encoder: a window of mel → phones' features and eight mouth coefficients.

It runs over whole stretches in training (one output every second column) and over single windows in the shipped graph;
nothing is padded in time, so the numbers are the same.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from training.lips.coefficients import COEFFICIENTS
from training.voice.articulation import FEATURES

COLUMNS = 43  # of 12.5 ms
OFFSET = -26  # 17 columns from the frame on: 225 ms of look-ahead
STRIDE = 2  # columns between two outputs of a stretch
WIDTH = 176


def _step(width: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(width, width, kernel, dilation=dilation), nn.BatchNorm1d(width), nn.ReLU())


class Encoder(nn.Module):
    """Mel (B, 80, T), T ≥ 43 → mouth coefficients (B, 8, 1 + (T − 43) // 2)."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.spectrum = nn.Sequential(
            nn.Conv2d(1, 20, 5, 2, (2, 0)), nn.BatchNorm2d(20), nn.ReLU(),
            nn.Conv2d(20, 32, 3, (2, 1), (1, 0)), nn.BatchNorm2d(32), nn.ReLU(),
        )  # fmt: skip
        self.bands = nn.Sequential(
            nn.Conv1d(32 * 20, width, 1), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout1d(0.1)
        )
        self.time = nn.Sequential(
            _step(width, 3), _step(width, 3, 2), _step(width, 3, 3), nn.Dropout1d(0.1), _step(width, 6)
        )
        self.phones = nn.Conv1d(width, len(FEATURES), 1)
        self.head = nn.Sequential(
            nn.Dropout(0.2), nn.Conv1d(width, width, 1), nn.ReLU(), nn.Conv1d(width, COEFFICIENTS, 1)
        )

    def trunk(self, mel: Tensor) -> Tensor:
        """Return what both heads see, (B, width, outputs)."""
        spectrum = self.spectrum(mel.unsqueeze(1) / 4)
        return self.time(self.bands(spectrum.flatten(1, 2)))

    def both(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Return coefficients (B, 8, outputs) and the logits of features (B, features, outputs)."""
        heard = self.trunk(mel)
        return self.head(heard), self.phones(heard)

    def forward(self, mel: Tensor) -> Tensor:
        """Return the coefficients."""
        return self.head(self.trunk(mel))


def load_encoder(folder: Path) -> Encoder:
    """Load the averaged weights of a training folder."""
    state = torch.load(folder / "last.pt", map_location="cpu", weights_only=True)
    net = Encoder()
    net.load_state_dict({name: value for name, value in state["mean"].items() if name != "scale"})
    return net.eval()
