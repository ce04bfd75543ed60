"""Opening an ONNX file on a device: the only place, with its two runtimes beside it, that knows device names."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from lipsync_edge.errors import DeviceError, ModelError, UsageError

Arrays = dict[str, npt.NDArray[Any]]
DEVICES = ("auto", "cpu", "cuda", "tensorrt", "openvino", "openvino:CPU", "openvino:GPU", "openvino:NPU")


class Backend(Protocol):
    """One loaded graph on one device."""

    device: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def run(self, feeds: Arrays) -> Arrays:
        """Compute every output from C-contiguous arrays of the graph's own types; thread-safe."""
        ...


def open_backend(path: Path, device: str = "auto", threads: int | None = None) -> Backend:
    """Load an ONNX file.

    Args:
        path: the ONNX file.
        device: one of `DEVICES`. Only "auto" may fall back: CUDA where ONNX Runtime can really run it, else
            the CPU of ONNX Runtime, else OpenVINO.
        threads: how many threads one call may use; None leaves it to the runtime.

    Raises:
        UsageError: unknown device name or a thread count below 1.
        DeviceError: the device cannot run here; says why.
        ModelError: the file is missing or cannot be loaded.
    """
    if device not in DEVICES:
        raise UsageError(expected=f"a device out of {', '.join(DEVICES)}", got=repr(device))
    if threads is not None and threads < 1:
        raise UsageError(expected="a thread count of at least 1", got=str(threads))
    if not path.is_file():
        raise ModelError(expected="a model file", got=f"nothing at {path}")
    if device != "auto":
        return _opener(device)(path, device, threads)
    failures: list[str] = []
    for candidate in _auto_order():
        try:
            return _opener(candidate)(path, candidate, threads)
        except DeviceError as error:
            failures.append(f"{candidate}: {error.got}")
    raise DeviceError(
        expected="ONNX Runtime or OpenVINO",
        got="; ".join(failures),
        fix="pip install 'lipsync-edge[cpu]'",
    )


def _auto_order() -> list[str]:
    from lipsync_edge.models import onnxruntime

    return (["cuda"] if onnxruntime.offers("cuda") else []) + ["cpu", "openvino"]


def _opener(device: str) -> Callable[[Path, str, int | None], Backend]:
    from lipsync_edge.models import onnxruntime

    if device.startswith("openvino") and (find_spec("openvino") or not onnxruntime.offers("openvino")):
        from lipsync_edge.models import openvino

        return openvino.OpenVinoBackend
    return onnxruntime.OrtBackend
