"""Audio encoders as the yardstick takes them: mel and frame times in, mouth coefficients out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnx.utils import Extractor

from training.data.noise import FLOOR
from training.lips.assemble import AMPLITUDE
from training.voice.finish import load_finished
from training.voice.network import COLUMNS, OFFSET, load_encoder
from training.voice.recover import is_first, load_first_encoder

Array = npt.NDArray[Any]
EncoderCall = Callable[[Array, Array], Array]
"""(mel (80, T), seconds (n,)) → mouth coefficients as the renderer gets them, float32 (n, 8)."""

ASKED = "/Mul_output_0"  # of the exported graph: what the renderer is asked for
FIRST_COLUMNS, FIRST_OFFSET = 30, -15


def windows(mel: Array, times: Array, columns: int, offset: int) -> Array:
    """Return the windows (n, 80, columns) of frames at `times`; what lies outside the sound is silence."""
    padded = np.pad(mel, ((0, 0), (2 * columns, 2 * columns)), constant_values=FLOOR)
    starts = (80 * times + 1e-6).astype(int) + offset + 2 * columns
    starts = np.clip(starts, 0, padded.shape[1] - columns)
    return np.stack([padded[:, s : s + columns] for s in starts])


Windows = Callable[[Array, Array], Array]
"""(mel (80, T), seconds (n,)) → what the encoder hears of it, float32 (n, 80, 43)."""


def own_windows(mel: Array, times: Array) -> Array:
    """Return the windows that the shipped card asks for."""
    return windows(mel, times, COLUMNS, OFFSET)


def shorter_future(columns: int, way: str) -> Windows:
    """Return windows that know only so many columns of the future, the frame's own among them.

    Args:
        columns: 1 to 17.
        way: "held": the last known column is repeated; "late": the whole window is older, so that lips come late.
    """
    missing = COLUMNS + OFFSET - columns
    if way == "late":
        return lambda mel, times: windows(mel, times, COLUMNS, OFFSET - missing)

    def held(mel: Array, times: Array) -> Array:
        out = own_windows(mel, times)
        out[:, :, COLUMNS - missing :] = out[:, :, COLUMNS - missing - 1 : COLUMNS - missing]
        return out

    return held


def open_encoder(path: Path, shape: Path | None = None, window: Windows = own_windows) -> EncoderCall:
    """Open the encoder of a lips or voice file (.onnx), or one trained here (a folder), finished where it says how.

    Args:
        path: the file or folder.
        shape: the shape model that a finish needs.
        window: what it hears of a sound at each frame; the encoder of 0.1 has its own.
    """
    if path.suffix == ".onnx" and not is_first(path):
        return _graph(onnx.load(str(path)), window)
    if path.suffix == ".onnx":
        first = load_first_encoder(path)
        return lambda mel, times: _run(first, mel, times, FIRST_COLUMNS, FIRST_OFFSET) * AMPLITUDE
    finished = shape is not None and (path / "finish.json").is_file()
    net = load_finished(path, shape) if finished and shape else load_encoder(path)
    return lambda mel, times: _heard(net, window(mel, times))


def _graph(whole: onnx.ModelProto, window: Windows) -> EncoderCall:
    """Run a graph as far as the coefficients that the renderer gets."""
    model = whole
    if "coefficients" not in [value.name for value in whole.graph.output]:
        model = Extractor(onnx.shape_inference.infer_shapes(whole)).extract_model(["mel"], [ASKED])
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda mel, times: session.run(None, {"mel": window(mel, times)})[0]


def _run(net: torch.nn.Module, mel: Array, times: Array, columns: int, offset: int) -> Array:
    return _heard(net, windows(mel, times, columns, offset))


def _heard(net: torch.nn.Module, heard: Array) -> Array:
    with torch.no_grad():
        coefficients = net(torch.from_numpy(heard))
    return np.asarray(coefficients.numpy().reshape(len(heard), -1)[:, :8], np.float32)
