"""Audio encoders as the yardstick takes them: mel and frame times in, mouth coefficients out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from training.data.noise import FLOOR
from training.lips.assemble import AMPLITUDE
from training.voice.finish import load_finished
from training.voice.network import COLUMNS, OFFSET, load_encoder
from training.voice.recover import load_first_encoder

Array = npt.NDArray[Any]
Heard = Callable[[Array, Array], Array]
"""(mel (80, T), seconds (n,)) → mouth coefficients as the renderer gets them, float32 (n, 8)."""

FIRST_COLUMNS, FIRST_OFFSET = 30, -15


def windows(mel: Array, times: Array, columns: int, offset: int) -> Array:
    """Return the windows (n, 80, columns) of frames at `times`; what lies outside the sound is silence."""
    padded = np.pad(mel, ((0, 0), (2 * columns, 2 * columns)), constant_values=FLOOR)
    starts = (80 * times + 1e-6).astype(int) + offset + 2 * columns
    starts = np.clip(starts, 0, padded.shape[1] - columns)
    return np.stack([padded[:, s : s + columns] for s in starts])


def open_encoder(path: Path, shape: Path | None = None) -> Heard:
    """Open the encoder of the first lips file (.onnx), or one trained here (a folder), finished where it says how."""
    if path.suffix == ".onnx":
        first = load_first_encoder(path)
        return lambda mel, times: _run(first, mel, times, FIRST_COLUMNS, FIRST_OFFSET) * AMPLITUDE
    finished = shape is not None and (path / "finish.json").is_file()
    net = load_finished(path, shape) if finished and shape else load_encoder(path)
    return lambda mel, times: _run(net, mel, times, COLUMNS, OFFSET)


def _run(net: torch.nn.Module, mel: Array, times: Array, columns: int, offset: int) -> Array:
    with torch.no_grad():
        coefficients = net(torch.from_numpy(windows(mel, times, columns, offset)))
    return np.asarray(coefficients.numpy().reshape(len(times), -1)[:, :8], np.float32)
