"""The commands of the toolchain, as `python -m export` and `lipsync-edge` run them; each yields what it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from lipsync_edge.errors import UsageError

from . import adopt as adopting
from . import catalogue, checkpoint, ncnn
from . import convert as converting
from .errors import WrongNetworkError
from .quantize import quantize_folder
from .validate import validate_folder

ADOPTED = "wav2lip"
PRECISIONS = ("int8", "fp16", "dynamic")


def _one_thread() -> None:
    """Torch computes small inputs here only to compare; on a busy machine many threads wait for each other."""
    torch.set_num_threads(1)


def convert(
    network: str, weights: Path, out_dir: Path, *, plain: bool = False, param: Path | None = None
) -> Iterator[str]:
    """Turn a published checkpoint into NAME.fp32.onnx.

    Args:
        network: a published architecture, or "auto": the one whose keys and shapes it has.
        weights: the checkpoint.
        out_dir: made when it does not exist.
        plain: keep the published float tensors.
        param: the .param file of an ncnn .bin (rrdbnet).
    """
    _one_thread()
    name = catalogue.unaliased(network)
    if name != "auto":
        catalogue.published(name)
    if param is None:
        state = checkpoint.read_checkpoint(weights)
    elif name in ("rrdbnet", "auto"):
        name, state = "rrdbnet", ncnn.read_rrdbnet(weights, param)
    else:
        raise UsageError(expected="rrdbnet with --param", got=network)
    if name == "auto":
        found = checkpoint.recognise(state)
        if found is None:
            raise WrongNetworkError(
                expected="a checkpoint of one of the six published networks",
                got=f"{len(state)} tensors, the first named {next(iter(state))!r}",
                fix="name the network to see what differs",
            )
        name = found
    net = checkpoint.build(name, state, weights.name)
    for path in converting.convert(name, net, out_dir, plain=plain):
        yield f"{name}: {path}"


def adopt(file: Path, network: str, out_dir: Path) -> Iterator[str]:
    """Check and wrap an ONNX file that somebody already has."""
    if network != ADOPTED:
        raise UsageError(expected=f"--as {ADOPTED}", got=f"--as {network}")
    for path in adopting.adopt(file, network, out_dir):
        yield f"{network}: {path}"


def quantize(
    models: Path,
    *,
    calibrate: Sequence[Path] = (),
    only: Sequence[str] = (),
    precisions: Sequence[str] = PRECISIONS[:2],
    samples: int = 32,
) -> Iterator[str]:
    """Write the int8 and fp16 files of a folder; see `quantize.quantize_folder`."""
    unknown = sorted(set(precisions) - set(PRECISIONS))
    if unknown:
        raise UsageError(expected=f"precisions out of {', '.join(PRECISIONS)}", got=", ".join(unknown))
    _one_thread()
    yield from quantize_folder(
        models, calibrate=calibrate, only=list(only) or None, precisions=precisions, samples=samples
    )


def validate(models: Path, *, calibrate: Sequence[Path] = (), samples: int = 8) -> Iterator[str]:
    """Check every file of a folder; see `validate.validate_folder`."""
    _one_thread()
    yield from validate_folder(models, calibrate=calibrate, samples=samples)
