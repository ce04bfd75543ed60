"""The audio encoder that ships, read back so that it can go on learning (its checkpoint was not kept).

python -m training voice.resume --voice models_onnx/edge_voice.fp32.onnx --data DATA --out FOLDER

The graph has its batch norms folded and one of the phones' features left (both lips shut). Each norm gets the mean and
spread that it sees on DATA, so that it does nothing at first; the read-outs of the other features are fitted again.
Writes FOLDER/last.pt as `training.voice.train` does, and FOLDER/finish.json.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from training.voice.articulation import FEATURES, SHUT
from training.voice.finish import Finish
from training.voice.network import Encoder
from training.voice.sampler import Sampler

FINISH = Path(__file__).parent / "finish.json"
PREFIX = "ear."
BATCHES = 12  # stretches times 16 on which norms and read-outs are fitted
LOGIT = 3.0  # that a feature which is there gets


def shipped_weights(path: Path) -> dict[str, Tensor]:
    """Return the initializers of the audio encoder's graph by the names of `Finished`' own parameters."""
    tensors = {t.name: numpy_helper.to_array(t).copy() for t in onnx.load(str(path)).graph.initializer}
    return {
        name.removeprefix(PREFIX): torch.from_numpy(value)
        for name, value in tensors.items()
        if name.startswith(PREFIX)
    }


def convolutions(net: nn.Module) -> list[nn.Conv1d | nn.Conv2d]:
    """Return the convolutions of a part, in order."""
    return [layer for layer in net.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d)]


def norms(net: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d]:
    """Return the batch norms of a part, in order."""
    return [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]


def load_shipped_encoder(path: Path, finish: Finish) -> Encoder:
    """Return an encoder that gives what the graph gives before its finish; its norms do nothing.

    Args:
        path: edge_voice.fp32.onnx.
        finish: what the graph was finished with.
    """
    weights, net = shipped_weights(path), Encoder()
    parts = {"spectrum": net.spectrum, "bands": net.bands, "time": net.time, "head": net.head}
    with torch.no_grad():
        for name, part in parts.items():
            own = [weights[key] for key in weights if key.startswith(name) and key.endswith("weight")]
            bias = [weights[key] for key in weights if key.startswith(name) and key.endswith("bias")]
            for layer, w, b in zip(convolutions(part), own, bias, strict=True):
                layer.weight.copy_(w)
                assert layer.bias is not None
                layer.bias.copy_(b)
        net.phones.weight.zero_()
        assert net.phones.bias is not None
        net.phones.bias.zero_()
        net.phones.weight[SHUT] = weights["shut.weight"][0] / finish.slope
        net.phones.bias[SHUT] = (weights["shut.bias"][0] - finish.bias) / finish.slope
        for norm in norms(net):
            norm.running_var.fill_(1 - norm.eps)  # type: ignore[union-attr]
    return net.eval()


@torch.no_grad()
def fit_norms(net: Encoder, mels: list[Tensor]) -> None:
    """Give every norm the mean and spread of what it sees, and the scale and shift that undo them, in place."""
    seen: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {norm: [] for norm in norms(net)}

    def look(norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        over = [i for i in range(inputs[0].ndim) if i != 1]
        seen[norm].append((inputs[0].mean(over), inputs[0].square().mean(over)))

    hooks = [norm.register_forward_hook(look) for norm in seen]
    for mel in mels:
        net.eval()(mel)
    for hook in hooks:
        hook.remove()
    for norm in norms(net):
        mean = torch.stack([one for one, _ in seen[norm]]).mean(0)
        square = torch.stack([two for _, two in seen[norm]]).mean(0)
        spread = (square - mean.square()).clamp(min=1e-6)
        norm.running_mean.copy_(mean)  # type: ignore[union-attr]
        norm.running_var.copy_(spread)  # type: ignore[union-attr]
        norm.bias.copy_(mean)
        norm.weight.copy_((spread + norm.eps).sqrt())


@torch.no_grad()
def fit_phones(net: Encoder, batches: list[tuple[Tensor, Tensor, Tensor]], ridge: float = 1.0) -> None:
    """Fit the read-outs of the features that the graph lacks by least squares on logits, in place.

    Args:
        net: the encoder.
        batches: mel (B, 80, T), features (B, features, N), weight (B, N) of each.
        ridge: against weights that grow.
    """
    left, right = torch.zeros(()), torch.zeros(())
    for mel, features, weight in batches:
        heard = net.trunk(mel)
        x = torch.cat([heard, torch.ones_like(heard[:, :1])], 1).transpose(1, 2)[weight > 0]
        y = features.transpose(1, 2)[weight > 0] * LOGIT
        left, right = left + x.T @ x, right + x.T @ y
    found = torch.linalg.solve(left + ridge * torch.eye(len(left)), right).T
    assert net.phones.bias is not None
    for i in range(len(FEATURES)):
        if i != SHUT:
            net.phones.weight[i] = found[i, :-1, None]
            net.phones.bias[i] = found[i, -1]


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", type=Path, default=Path("models_onnx/edge_voice.fp32.onnx"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write a folder to train on from."""
    from training.voice.train import groups_of

    options = arguments().parse_args(argv)
    torch.set_num_threads(1)
    net = load_shipped_encoder(options.voice, Finish.load(FINISH.parent))
    sampler = Sampler(groups_of(options.data), 16, 0)
    batches = [sampler.batch() for _ in range(BATCHES)]
    with torch.no_grad():
        before = net(batches[0].mel)
        fit_norms(net, [batch.mel for batch in batches])
        worst = float((net(batches[0].mel) - before).abs().max())
    fit_phones(net, [(batch.mel, batch.features, batch.phone) for batch in batches])
    options.out.mkdir(parents=True, exist_ok=True)
    state = {"net": net.state_dict(), "mean": net.state_dict(), "step": 0, "seconds": 0.0}
    torch.save(state, options.out / "last.pt")
    shutil.copy(FINISH, options.out / "finish.json")
    print(f"norms change the coefficients by {worst:.1e} at most")
    if not np.isfinite(worst) or worst > 1e-3:
        raise SystemExit("the norms change what the encoder hears")
