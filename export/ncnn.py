"""Weights that ncnn keeps (.param + .bin) as a PyTorch state dict, for RRDBNet.

A .bin holds the layers' numbers in the order of the .param, with no names: for a convolution a flag word, its
weights (float32 when the flag is 0, float16 when it is 0x01306B47, padded to four bytes), then its biases (float32).
The layers' order is the network's own, so that names can be given back.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from .checkpoint import State, shapes
from .errors import UnreadableCheckpointError, WrongNetworkError

FLOAT16 = 0x01306B47
FLOAT32 = 0
MAGIC = "7767517"


@dataclass(frozen=True, slots=True)
class Convolution:
    """One Convolution line of a .param: outputs, kernel side, biased or not, number of weights."""

    name: str
    outputs: int
    kernel: int
    biased: bool
    weights: int


def read_param(path: Path) -> list[Convolution]:
    """Return the convolutions of a .param file in order."""
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableCheckpointError(
            expected=f"an ncnn .param file at {path}", got=str(error)[:200]
        ) from None
    if not lines or lines[0].strip() != MAGIC:
        raise UnreadableCheckpointError(
            expected=f"{MAGIC} on the first line of {path.name}", got=repr(lines[:1])[:80]
        )
    return [_convolution(line, path.name) for line in lines[2:] if line.split()[:1] == ["Convolution"]]


def _convolution(line: str, source: str) -> Convolution:
    words = line.split()
    try:
        skip = 4 + int(words[2]) + int(words[3])
        fields = dict(word.split("=", 1) for word in words[skip:])
        return Convolution(
            words[1], int(fields["0"]), int(fields["1"]), fields.get("5", "0") == "1", int(fields["6"])
        )
    except (IndexError, KeyError, ValueError) as error:
        raise UnreadableCheckpointError(expected=f"an ncnn layer line in {source}", got=line[:80]) from error


def read_rrdbnet(bin_path: Path, param_path: Path) -> State:
    """Return the RRDBNet state dict of an ncnn pair, e.g. Real-ESRGAN x4plus.

    Raises:
        UnreadableCheckpointError: truncated, longer than its .param says, or not ncnn.
        WrongNetworkError: another network's layers.
    """
    layers = read_param(param_path)
    want = shapes("rrdbnet")
    names = [key.removesuffix(".weight") for key in want if key.endswith(".weight")]
    expected = [(want[f"{n}.weight"][0], int(np.prod(want[f"{n}.weight"])), True) for n in names]
    if [(layer.outputs, layer.weights, layer.biased) for layer in layers] != expected:
        raise WrongNetworkError(
            expected=f"the {len(names)} convolutions of RRDBNet (64 features, 23 blocks, ×4) in {param_path.name}",
            got=f"{len(layers)} convolutions, {sum(layer.weights for layer in layers)} weights",
            fix="Real-ESRGAN x4plus is the one that fits; the anime models are other networks",
        )
    try:
        raw = bin_path.read_bytes()
    except OSError as error:
        raise UnreadableCheckpointError(expected=f"an ncnn .bin file at {bin_path}", got=str(error)) from None
    state: State = {}
    position = 0
    for name, layer in zip(names, layers, strict=True):
        weight, position = _weights(raw, position, layer.weights, bin_path.name)
        bias, position = _take(raw, position, layer.outputs, np.dtype("<f4"), bin_path.name)
        state[f"{name}.weight"] = torch.from_numpy(weight.reshape(want[f"{name}.weight"]))
        state[f"{name}.bias"] = torch.from_numpy(bias)
    if position != len(raw):
        raise UnreadableCheckpointError(expected=f"{position} bytes in {bin_path.name}", got=f"{len(raw)}")
    return state


def _weights(raw: bytes, position: int, count: int, source: str) -> tuple[npt.NDArray[np.float32], int]:
    flag, position = int.from_bytes(raw[position : position + 4], "little"), position + 4
    if flag == FLOAT16:
        half, position = _take(raw, position, count, np.dtype("<f2"), source)
        return half, position + (-2 * count) % 4
    if flag == FLOAT32:
        return _take(raw, position, count, np.dtype("<f4"), source)
    raise UnreadableCheckpointError(
        expected=f"float32 or float16 weights in {source}", got=f"flag {flag:#010x} at byte {position - 4}"
    )


def _take(
    raw: bytes, position: int, count: int, kind: np.dtype[np.float16 | np.float32], source: str
) -> tuple[npt.NDArray[np.float32], int]:
    end = position + count * kind.itemsize
    if end > len(raw):
        raise UnreadableCheckpointError(
            expected=f"at least {end} bytes in {source}",
            got=f"{len(raw)}",
            fix="the file is truncated: get it again",
        )
    return np.frombuffer(raw, kind, count, position).astype(np.float32), end
