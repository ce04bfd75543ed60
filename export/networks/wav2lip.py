"""Wav2Lip's generator (Prajwal et al., 2020): 96×96, 36 M parameters."""

from __future__ import annotations

import torch
from torch import nn

from .layers import ConvBlock, UpBlock, audio_encoder, residuals


def _down(cin: int, cout: int, count: int) -> nn.Sequential:
    return nn.Sequential(ConvBlock(cin, cout, 3, 2, 1), *residuals(cout, count))


def _up(cin: int, cout: int, count: int) -> nn.Sequential:
    return nn.Sequential(UpBlock(cin, cout, 2, 1, 1), *residuals(cout, count))


class Wav2Lip(nn.Module):
    """The published generator, key for key."""

    def __init__(self) -> None:
        super().__init__()
        self.face_encoder_blocks = nn.ModuleList(
            [
                nn.Sequential(ConvBlock(6, 16, 7, 1, 3)),
                _down(16, 32, 2),
                _down(32, 64, 3),
                _down(64, 128, 2),
                _down(128, 256, 2),
                _down(256, 512, 1),
                nn.Sequential(ConvBlock(512, 512, 3, 1, 0), ConvBlock(512, 512, 1, 1, 0)),
            ]
        )
        self.audio_encoder = audio_encoder(deep=False)
        self.face_decoder_blocks = nn.ModuleList(
            [
                nn.Sequential(ConvBlock(512, 512, 1, 1, 0)),
                nn.Sequential(UpBlock(1024, 512, 1, 0, 0), *residuals(512, 1)),
                _up(1024, 512, 2),
                _up(768, 384, 2),
                _up(512, 256, 2),
                _up(320, 128, 2),
                _up(160, 64, 2),
            ]
        )
        self.output_block = nn.Sequential(ConvBlock(80, 32, 3, 1, 1), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, mel: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        """Paint the mouth.

        Args:
            mel: float32 (B, 1, 80, 16), range [-4, 4].
            face: float32 (B, 6, 96, 96), BGR in 0…1: the crop with its lower half zero, then a reference crop.

        Returns:
            float32 (B, 3, 96, 96), BGR in 0…1.
        """
        skips = []
        for block in self.face_encoder_blocks:
            face = block(face)
            skips.append(face)
        out = self.audio_encoder(mel)
        for block in self.face_decoder_blocks:
            out = torch.cat([block(out), skips.pop()], 1)
        return self.output_block(out)
