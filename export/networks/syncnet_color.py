"""The sync expert that Wav2Lip was trained against: five mouth pictures and a mel window into one space."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .layers import ConvBlock, audio_encoder, residuals


class SyncNetColor(nn.Module):
    """The published expert, key for key."""

    def __init__(self) -> None:
        super().__init__()
        self.face_encoder = nn.Sequential(
            ConvBlock(15, 32, 7, 1, 3),
            ConvBlock(32, 64, 5, (1, 2), 1),
            *residuals(64, 2),
            ConvBlock(64, 128, 3, 2, 1),
            *residuals(128, 3),
            ConvBlock(128, 256, 3, 2, 1),
            *residuals(256, 2),
            ConvBlock(256, 512, 3, 2, 1),
            *residuals(512, 2),
            ConvBlock(512, 512, 3, 2, 1),
            ConvBlock(512, 512, 3, 1, 0),
            ConvBlock(512, 512, 1, 1, 0),
        )
        self.audio_encoder = audio_encoder(deep=True)

    def forward(self, mel: torch.Tensor, face: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed both.

        Args:
            mel: float32 (B, 1, 80, 16), range [-4, 4].
            face: float32 (B, 15, 48, 96): the lower halves of five crops, BGR in 0…1.

        Returns:
            Audio and face codes, float32 (B, 512) each, unit length.
        """
        audio, picture = self.audio_encoder(mel), self.face_encoder(face)
        return functional.normalize(audio.flatten(1)), functional.normalize(picture.flatten(1))
