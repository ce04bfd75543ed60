"""SyncNet v2 (Chung and Zisserman, 2016), the network of the LSE metrics: an audio and a lip branch."""

from __future__ import annotations

import torch
from torch import nn

Size = int | tuple[int, int]
Size3 = int | tuple[int, int, int]


def _conv(cin: int, cout: int, kernel: tuple[int, int], stride: Size = 1, pad: Size = 0) -> list[nn.Module]:
    """2-D convolution, batch norm, ReLU."""
    return [nn.Conv2d(cin, cout, kernel, stride, pad), nn.BatchNorm2d(cout), nn.ReLU()]


def _conv3(
    cin: int, cout: int, kernel: tuple[int, int, int], stride: Size3 = 1, pad: Size3 = 0
) -> list[nn.Module]:
    """3-D convolution, batch norm, ReLU."""
    return [nn.Conv3d(cin, cout, kernel, stride, pad), nn.BatchNorm3d(cout), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))


class SyncNetV2(nn.Module):
    """The published network, key for key."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_conv(1, 64, (3, 3), 1, 1),
            nn.MaxPool2d(1, 1),
            *_conv(64, 192, (3, 3), 1, 1),
            nn.MaxPool2d(3, (1, 2)),
            *_conv(192, 384, (3, 3), 1, 1),
            *_conv(384, 256, (3, 3), 1, 1),
            *_conv(256, 256, (3, 3), 1, 1),
            nn.MaxPool2d(3, 2),
            *_conv(256, 512, (5, 4)),
        )
        self.netfcaud = _head()
        self.netfclip = _head()
        pool, half, flat = (1, 3, 3), (1, 2, 2), (0, 1, 1)
        self.netcnnlip = nn.Sequential(
            *_conv3(3, 96, (5, 7, 7), half),
            nn.MaxPool3d(pool, half),
            *_conv3(96, 256, (1, 5, 5), half, flat),
            nn.MaxPool3d(pool, half, flat),
            *_conv3(256, 256, (1, 3, 3), 1, flat),
            *_conv3(256, 256, (1, 3, 3), 1, flat),
            *_conv3(256, 256, (1, 3, 3), 1, flat),
            nn.MaxPool3d(pool, half),
            *_conv3(256, 512, (1, 6, 6)),
        )

    def forward_audio(self, mfcc: torch.Tensor) -> torch.Tensor:
        """Embed 0.2 s of sound: float32 (B, 1, 13, 20) MFCCs → (B, 1024)."""
        return self.netfcaud(self.netcnnaud(mfcc).flatten(1))

    def forward_lip(self, lip: torch.Tensor) -> torch.Tensor:
        """Embed five faces: float32 (B, 3, 5, 224, 224) BGR in 0…255 → (B, 1024)."""
        return self.netfclip(self.netcnnlip(lip).flatten(1))

    def forward(self, mfcc: torch.Tensor, lip: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both codes."""
        return self.forward_audio(mfcc), self.forward_lip(lip)


class AudioBranch(nn.Module):
    """The audio half as a network of its own."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        assert isinstance(whole, SyncNetV2)
        self.cnn, self.head = whole.netcnnaud, whole.netfcaud

    def forward(self, mfcc: torch.Tensor) -> torch.Tensor:
        """See `SyncNetV2.forward_audio`."""
        return self.head(self.cnn(mfcc).flatten(1))


class LipBranch(nn.Module):
    """The lip half with its 3-D layers as 2-D ones: after the first, time has length one, so nothing is lost.

    2-D convolutions are what both inference runtimes have fast kernels for.
    """

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        assert isinstance(whole, SyncNetV2)
        self.cnn = nn.Sequential(*(_flat(layer) for layer in whole.netcnnlip))
        self.head = whole.netfclip

    def forward(self, lip: torch.Tensor) -> torch.Tensor:
        """See `SyncNetV2.forward_lip`."""
        return self.head(self.cnn(lip.flatten(1, 2)).flatten(1))


def _flat(layer: nn.Module) -> nn.Module:
    """Return the 2-D layer that does what a 3-D one does where time has length one after it."""
    if isinstance(layer, nn.Conv3d):
        weight = layer.weight.detach().flatten(1, 2)
        assert layer.bias is not None
        assert not isinstance(layer.padding, str)
        kernel, stride, pad = (_plane(size) for size in (layer.kernel_size, layer.stride, layer.padding))
        flat = nn.Conv2d(weight.shape[1], weight.shape[0], kernel, stride, pad)
        flat.load_state_dict({"weight": weight, "bias": layer.bias.detach()})
        return flat
    if isinstance(layer, nn.BatchNorm3d):
        norm = nn.BatchNorm2d(layer.num_features, layer.eps)
        norm.load_state_dict(layer.state_dict())
        return norm
    if isinstance(layer, nn.MaxPool3d):
        return nn.MaxPool2d(_plane(layer.kernel_size), _plane(layer.stride), _plane(layer.padding))
    return layer


def _plane(size: int | tuple[int, ...]) -> tuple[int, int]:
    """Return height and width of a size over time, height and width."""
    return (size, size) if isinstance(size, int) else (size[1], size[2])
