"""Checkpoints of the published architectures without their trained weights: numbers that a seed and a key decide.

`golden/*.npz` hold what the original implementations output for the seed "dev-1"; `schema/*.json` every key and shape.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent
SEED = "dev-1"
NAMES = ("wav2lip", "s3fd", "bisenet", "rrdbnet", "syncnet_color", "syncnet_v2")
CONTAINER = {"wav2lip": "state_dict", "syncnet_color": "state_dict", "rrdbnet": "params"}
NORM_SCALE = {"conv3_3_norm.weight": 10.0, "conv4_3_norm.weight": 8.0, "conv5_3_norm.weight": 5.0}
GAINS = {".rdb": 0.3, "output_block.1.weight": 0.001, "mbox_loc.weight": 0.005, "mbox_conf.weight": 0.02}

Array = npt.NDArray[Any]


def generator(seed: str, key: str) -> np.random.Generator:
    """Return the generator of one key."""
    digest = hashlib.sha256(f"{seed}/{key}".encode()).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(digest[:8], "little")))


def make_array(seed: str, key: str, shape: list[int]) -> Array:
    """Return the numbers of one key of a state dict."""
    rng = generator(seed, key)
    if key.endswith("num_batches_tracked"):
        return np.array(1, np.int64)
    if key.endswith("running_mean"):
        return rng.normal(0, 0.1, shape).astype(np.float32)
    if key.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if key in NORM_SCALE:
        return np.full(shape, NORM_SCALE[key], np.float32)
    if key.endswith(".weight") and len(shape) == 1:
        return rng.uniform(0.8, 1.2, shape).astype(np.float32)
    if key.endswith(".weight"):
        gain = next((value for part, value in GAINS.items() if part in key), 1.0)
        return (gain * rng.normal(0, np.sqrt(2.0 / int(np.prod(shape[1:]))), shape)).astype(np.float32)
    return rng.normal(0, 0.05, shape).astype(np.float32)


def make_state(name: str, seed: str = SEED) -> dict[str, Array]:
    """Return key → numbers for a published network."""
    schema = json.loads((FOLDER / "schema" / f"{name}.json").read_text())
    return {key: make_array(seed, key, shape) for key, shape in schema.items()}


def make_input(
    name: str, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0, seed: str = SEED
) -> Array:
    """Return a golden input, float32."""
    return generator(seed, f"input:{name}").uniform(low, high, shape).astype(np.float32)


def golden(name: str) -> dict[str, Array]:
    """Return the arrays of `NAME.dev-1.npz`."""
    with np.load(FOLDER / f"{name}.{SEED}.npz") as data:
        return {key: data[key] for key in data}


def plain_inputs(name: str) -> dict[str, Array]:
    """Return the golden inputs under the names that plain graphs have."""
    table: dict[str, dict[str, Any]] = {
        "wav2lip": {"mel": ("mel", (2, 1, 80, 16), -4, 4), "face": ("face", (2, 6, 96, 96))},
        "bisenet": {"image": ("bisenet", (1, 3, 512, 512), -2, 2)},
        "rrdbnet": {"image": ("rrdbnet", (1, 3, 24, 24))},
        "s3fd": {"image": ("s3fd", (1, 3, 160, 192), -120, 140)},
        "syncnet_color": {
            "mel": ("syncnet_color_mel", (2, 1, 80, 16), -4, 4),
            "face": ("syncnet_color_face", (2, 15, 48, 96)),
        },
        "syncnet_v2": {
            "mfcc": ("syncnet_v2_mfcc", (2, 1, 13, 20), -20, 20),
            "lip": ("syncnet_v2_lip", (2, 3, 5, 224, 224), 0, 255),
        },
    }
    return {key: make_input(*spec) for key, spec in table[name].items()}


def write_checkpoint(
    name: str,
    path: Path,
    *,
    seed: str = SEED,
    prefix: str = "",
    container: str | None = "",
    state: dict[str, Array] | None = None,
) -> Path:
    """Write a .pth file.

    Args:
        name: a network.
        path: the file.
        seed: decides the numbers.
        prefix: put before every key, e.g. "module.".
        container: key of the outer dictionary; "" for the published one, None for no container.
        state: other numbers than the seed's.
    """
    import torch

    arrays = make_state(name, seed) if state is None else state
    tensors = {prefix + key: torch.from_numpy(np.asarray(value)) for key, value in arrays.items()}
    outer = CONTAINER.get(name) if container == "" else container
    torch.save({outer: tensors} if outer else tensors, path)
    return path
