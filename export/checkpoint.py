"""Reading other people's checkpoints: nothing is executed, nothing is guessed silently.

`torch.load(weights_only=True)` is the only reader; before it, the zip directory is checked for bombs, after it
every key, shape and number.
"""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .catalogue import published, published_names
from .errors import (
    BombError,
    NotFiniteError,
    UnreadableCheckpointError,
    UnsafeCheckpointError,
    WrongNetworkError,
)

State = dict[str, torch.Tensor]
CONTAINERS = ("state_dict", "params_ema", "params", "model_state_dict", "model", "net")
MOST_BYTES = 4 << 30  # no published network comes near
MOST_RATIO = 20  # torch stores its tensors uncompressed; a deflated one may gain a little
SHOWN = 6  # lines of a diff


def read_checkpoint(path: Path) -> State:
    """Return the state dict of a .pth file, unwrapped: container and "module." prefix removed.

    Raises:
        UnreadableCheckpointError, UnsafeCheckpointError, BombError: see `errors`.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise UnreadableCheckpointError(
            expected="a checkpoint file", got=f"nothing or an empty file at {path}"
        )
    _refuse_bomb(path)
    try:
        with warnings.catch_warnings():  # torch's of files that it then refuses
            warnings.simplefilter("ignore")
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refusal(path, str(error)) from None
    except Exception as error:  # torch raises RuntimeError, EOFError, KeyError, … for damaged files
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise UnreadableCheckpointError(
            expected=f"a whole PyTorch checkpoint in {path.name}", got=reason, fix="download it again"
        ) from None
    return unwrap(loaded, path.name)


def _refuse_bomb(path: Path) -> None:
    """Look at the zip directory only; nothing is unpacked."""
    try:
        if not zipfile.is_zipfile(path):
            return
        with zipfile.ZipFile(path) as archive:
            whole = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, struct.error) as error:
        raise UnreadableCheckpointError(
            expected=f"a whole PyTorch checkpoint in {path.name}",
            got=f"{type(error).__name__}: {error}"[:200],
            fix="download it again",
        ) from None
    size = path.stat().st_size
    if whole > MOST_BYTES or whole > MOST_RATIO * size + (1 << 20):
        raise BombError(
            expected=f"a checkpoint that unpacks to at most {MOST_RATIO} times its size and {MOST_BYTES >> 30} GiB",
            got=f"{path.name}: {size} bytes that say they unpack to {whole}",
            fix="this is no checkpoint torch.save wrote; do not use it",
        )


def _refusal(path: Path, message: str) -> UnsafeCheckpointError | UnreadableCheckpointError:
    """Tell a pickle that wants too much from one that is damaged."""
    wanted = re.search(r"(?:GLOBAL|class|function) ([\w.]+)", message) or re.search(
        r"[Uu]nsupported (\w+)", message
    )
    if wanted is None or "nsupported" not in message and "not an allowed" not in message:
        return UnreadableCheckpointError(
            expected=f"a whole PyTorch checkpoint in {path.name}",
            got=message.splitlines()[0][:200],
            fix="download it again",
        )
    return UnsafeCheckpointError(
        expected=f"nothing but tensors in {path.name}",
        got=f"a pickle that asks for {wanted.group(1)}",
        fix="it was not executed; get the file from its authors, or save its state_dict alone",
    )


def unwrap(loaded: object, name: str) -> State:
    """Return the tensors of what torch.load gave, without container and "module." prefix."""
    inner: Any = loaded
    for _ in range(3):
        if not isinstance(inner, Mapping):
            break
        key = next((k for k in CONTAINERS if isinstance(inner.get(k), Mapping)), None)
        if key is None:
            break
        inner = inner[key]
    if not isinstance(inner, Mapping) or not inner:
        raise UnreadableCheckpointError(expected=f"a state dict in {name}", got=type(inner).__name__)
    odd = [str(k) for k, v in inner.items() if not isinstance(v, torch.Tensor)]
    if odd:
        raise UnreadableCheckpointError(
            expected=f"only tensors in the state dict of {name}", got=", ".join(odd[:SHOWN])
        )
    state = {str(key): value for key, value in inner.items()}
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return state


def shapes(network: str) -> dict[str, tuple[int, ...]]:
    """Return every key and shape of a published network; no memory is spent."""
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in published(network).build().state_dict().items()}


def recognise(state: State) -> str | None:
    """Return which network the keys and shapes belong to, all of them, or None."""
    have = {key: tuple(value.shape) for key, value in state.items()}
    return next((name for name in published_names() if have == shapes(name)), None)


def build(network: str, state: State, source: str) -> nn.Module:
    """Return the network with these weights, in evaluation mode.

    Args:
        network: a name of `catalogue.published_names`.
        state: what `read_checkpoint` gave.
        source: what to call it in messages.

    Raises:
        WrongNetworkError: keys or shapes differ; the message lists them and names the network it is.
        NotFiniteError: NaN or infinite weights.
    """
    have = {key: tuple(value.shape) for key, value in state.items()}
    lines = difference(have, shapes(network))
    if lines:
        real = recognise(state)
        shown = "; ".join(lines[:SHOWN]) + (f"; and {len(lines) - SHOWN} more" if len(lines) > SHOWN else "")
        raise WrongNetworkError(
            expected=f"a {network} checkpoint in {source}",
            got=f"a {real} checkpoint" if real else f"other keys or shapes ({shown})",
            fix=f"lipsync-edge convert {real} {source} -o DIR"
            if real
            else "check which network this file belongs to",
        )
    bad = [
        key
        for key, value in state.items()
        if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
    if bad:
        raise NotFiniteError(
            expected=f"finite weights in {source}",
            got=f"NaN or infinity in {len(bad)} tensors: {', '.join(bad[:SHOWN])}",
            fix="the training run that wrote it diverged; use an earlier checkpoint",
        )
    net = published(network).build()
    net.load_state_dict(state)
    return net.eval()


def difference(have: Mapping[str, tuple[int, ...]], want: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return one line for each key that is missing, extra, or of another shape; empty when all agree."""
    missing = [f"missing {key}" for key in want if key not in have]
    extra = [f"unexpected {key}" for key in have if key not in want]
    other = [
        f"{key} is {have[key]}, not {want[key]}" for key in want if key in have and have[key] != want[key]
    ]
    return other + missing + extra
