"""What stands between the trained encoder and the renderer: lips that shut, and how far the mouth goes.

Both are chosen after training, on the named half CHOOSE of the clips of ordinary speech, and become part of the graph.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training.lips.coefficients import COEFFICIENTS, ShapeModel
from training.voice.articulation import SHUT
from training.voice.measures import fixed_readout
from training.voice.network import Encoder, load_encoder


@dataclass(frozen=True, slots=True)
class Finish:
    """How coefficients are changed.

    Attributes:
        gains: what opening, width and jaw are multiplied with; the rest of the shape is left as it is.
        slope: of the logit of "both lips shut" (p, b, m), before the sigmoid that takes the opening away.
        bias: added to it.
    """

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    slope: float = 1.0
    bias: float = 0.0

    def save(self, folder: Path) -> None:
        """Write finish.json beside the weights."""
        (folder / "finish.json").write_text(json.dumps(asdict(self)) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Finish:
        """Read what `save` wrote."""
        table = json.loads((folder / "finish.json").read_text())
        return cls(tuple(table["gains"]), table["slope"], table["bias"])


def fused(layers: nn.Sequential) -> nn.Sequential:
    """Return a copy whose batch norms stand in the convolutions before them, without dropout."""
    out: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.Sequential):
            out.append(fused(layer))
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            before = out[-1]
            assert isinstance(before, nn.Conv1d | nn.Conv2d)
            out[-1] = fuse_conv_bn_eval(before, layer)
        elif not isinstance(layer, nn.Dropout | nn.Dropout1d):
            out.append(copy.deepcopy(layer))
    return nn.Sequential(*out)


def _fixed(weight: Tensor, bias: Tensor | None = None) -> nn.Conv1d:
    """Return a layer of kernel 1 with these weights (outputs, inputs, 1)."""
    layer = nn.Conv1d(weight.shape[1], weight.shape[0], 1, bias=bias is not None)
    layer.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return layer


class Finished(nn.Module):
    """Mel (B, 80, T) → the coefficients (B, 8, outputs) that the renderer gets."""

    def __init__(self, net: Encoder, finish: Finish, model: ShapeModel) -> None:
        super().__init__()
        net = net.eval()
        self.spectrum, self.bands, self.time = fused(net.spectrum), fused(net.bands), fused(net.time)
        self.head = fused(net.head)
        logit, bias = net.phones.weight[SHUT : SHUT + 1], net.phones.bias
        assert bias is not None
        self.shut = _fixed(logit * finish.slope, bias[SHUT : SHUT + 1] * finish.slope + finish.bias)
        readout = fixed_readout(model)
        along = np.linalg.pinv(readout)
        reach = np.eye(COEFFICIENTS) + along @ np.diag(np.array(finish.gains) - 1) @ readout
        self.opening, self.along, self.reach = (
            _fixed(torch.from_numpy(matrix[:, :, None]).float())
            for matrix in (readout[:1], along[:, :1], reach)
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Return the coefficients of every window."""
        heard = self.time(self.bands(self.spectrum(mel.unsqueeze(1) / 4).flatten(1, 2)))
        coefficients = self.head(heard)
        parted = torch.relu(self.opening(coefficients)) * torch.sigmoid(self.shut(heard))
        return self.reach(coefficients - self.along(parted))


def load_finished(folder: Path, shape: Path) -> Finished:
    """Load a trained encoder and its finish."""
    return Finished(load_encoder(folder), Finish.load(folder), ShapeModel.load(shape)).eval()
