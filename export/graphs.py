"""The graphs the runtime runs: a published network with its pre- and post-arithmetic inside (uint8 BGR in)."""

from __future__ import annotations

import torch
from torch import nn

from lipsync_edge.models.spec import ModelSpec

from .networks.rrdbnet import DAMP, DenseBlock

Norm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Normalised(nn.Module):
    """uint8 or float NHWC BGR → what the network eats, NCHW: order, then (x·scale − mean) / std."""

    order: torch.Tensor
    gain: torch.Tensor
    shift: torch.Tensor

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        rule = spec.normalise
        self.flip = rule.order == "rgb"
        self.scale = rule.scale
        order = [2, 1, 0] if self.flip else [0, 1, 2]
        self.register_buffer("order", torch.tensor(order))
        std = torch.tensor(rule.std, dtype=torch.float64)
        self.register_buffer("gain", (rule.scale / std).float().view(1, 3, 1, 1))
        self.register_buffer(
            "shift", (torch.tensor(rule.mean, dtype=torch.float64) / std).float().view(1, 3, 1, 1)
        )
        self.plain_gain = bool(torch.eq(self.gain, 1).all())
        self.plain_shift = bool(torch.eq(self.shift, 0).all())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, H, W, 3) BGR → float32 (B, 3, H, W)."""
        x = image.permute(0, 3, 1, 2).float()
        if self.flip:
            x = x.index_select(1, self.order)
        x = x if self.plain_gain else x * self.gain
        return x if self.plain_shift else x - self.shift


class LipsGraph(nn.Module):
    """Wav2Lip on one crop: masks its lower half itself."""

    def __init__(self, net: nn.Module, spec: ModelSpec) -> None:
        super().__init__()
        self.net, self.normalise = net, Normalised(spec)
        side = spec.side("face")
        upper = (torch.arange(side) < side // 2).float()
        self.register_buffer("upper", upper.view(1, 1, side, 1))

    def forward(self, face: torch.Tensor, mel: torch.Tensor) -> torch.Tensor:
        """uint8 (B, 96, 96, 3) BGR, float32 (B, 80, 16) → float32 (B, 96, 96, 3) BGR in 0…1."""
        x = self.normalise(face)
        made = self.net(mel.unsqueeze(1), torch.cat([x * self.upper, x], 1))
        return made.permute(0, 2, 3, 1)


class DetectGraph(nn.Module):
    """S3FD with softmax, its maps in one list: strides in the spec's order, each row by row."""

    def __init__(self, net: nn.Module, spec: ModelSpec) -> None:
        super().__init__()
        self.net, self.normalise = net, Normalised(spec)

    def forward(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """uint8 (B, H, W, 3) BGR → face probability float32 (B, N), box offsets float32 (B, N, 4)."""
        heads = self.net(self.normalise(frame))
        # A softmax over two classes is a sigmoid of their difference.
        scores = [torch.sigmoid(c[:, 1] - c[:, 0]).flatten(1) for c in heads[0::2]]
        offsets = [o.flatten(2) for o in heads[1::2]]
        return torch.cat(scores, 1), torch.cat(offsets, 2).transpose(1, 2)


class SegmentGraph(nn.Module):
    """BiSeNet's first head, as the number of the likeliest class."""

    def __init__(self, net: nn.Module, spec: ModelSpec) -> None:
        super().__init__()
        self.net, self.normalise = net, Normalised(spec)

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        """uint8 (B, 512, 512, 3) BGR → uint8 (B, 512, 512)."""
        return self.net(self.normalise(face)).argmax(1).to(torch.uint8)


class EnhanceGraph(nn.Module):
    """RRDBNet, clamped."""

    def __init__(self, net: nn.Module, spec: ModelSpec) -> None:
        super().__init__()
        self.net, self.normalise = net, Normalised(spec)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """float32 (B, H, W, 3) BGR in 0…1 → float32 (B, 4H, 4W, 3) BGR in 0…1."""
        return self.unclamped(image).clamp(0, 1)

    def unclamped(self, image: torch.Tensor) -> torch.Tensor:
        """Return the same before the clamp: float rounding goes with this range, hundreds wide if untrained."""
        made = self.net(self.normalise(image))
        return made.index_select(1, self.normalise.order).permute(0, 2, 3, 1)


class _FoldedDense(nn.Module):
    """A dense block whose damping is inside its last convolution."""

    def __init__(self, block: DenseBlock) -> None:
        super().__init__()
        last = block.conv5
        assert last.bias is not None
        last.weight = nn.Parameter(last.weight.detach() * DAMP)
        last.bias = nn.Parameter(last.bias.detach() * DAMP)
        self.convs = nn.ModuleList([block.conv1, block.conv2, block.conv3, block.conv4, last])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grown = x
        for conv in self.convs[:-1]:
            grown = torch.cat([grown, nn.functional.leaky_relu(conv(grown), 0.2)], 1)
        return self.convs[-1](grown) + x


def fold(net: nn.Module) -> nn.Module:
    """Rewrite, in place, for inference: batch norms and damping go into weights."""
    for name, child in net.named_children():
        if isinstance(child, DenseBlock):
            setattr(net, name, _FoldedDense(child))
        else:
            fold(child)
    children = list(net.named_children())
    for (first, layer), (second, norm) in zip(children, children[1:], strict=False):
        if isinstance(norm, Norm):
            setattr(net, first, _without_norm(layer, norm))
            setattr(net, second, nn.Identity())
    return net


def _without_norm(layer: nn.Module, norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) -> nn.Module:
    if isinstance(layer, nn.Linear):
        return nn.utils.fusion.fuse_linear_bn_eval(layer, norm)
    if isinstance(layer, nn.ConvTranspose2d):
        return nn.utils.fusion.fuse_conv_bn_eval(layer, norm, transpose=True)
    assert isinstance(layer, nn.Conv2d | nn.Conv3d)
    return nn.utils.fusion.fuse_conv_bn_eval(layer, norm)
