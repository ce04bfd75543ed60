"""Opening of an ONNX file on a device: the only place, with its two runtimes beside it, that loads graphs."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from lipsync_edge.errors import DeviceError, ModelError, UsageError
from lipsync_edge.models.devices import AUTO, Device, auto_devices, find_device
from lipsync_edge.models.onnx_guard import check_onnx
from lipsync_edge.models.registry import bundled_models
from lipsync_edge.types import Arrays


class Backend(Protocol):
    """One loaded graph on one device."""

    device: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def run(self, feeds: Arrays) -> Arrays:
        """Compute every output from C-contiguous arrays of the graph's own types; thread-safe."""
        ...


def open_backend(path: Path, device: str = AUTO, threads: int | None = None) -> Backend:
    """Load an ONNX file.

    Args:
        path: the ONNX file.
        device: a name of `lipsync_edge.models.devices.DEVICES`. Only "auto" may fall back: CUDA where ONNX Runtime can
            really run it, else the CPU of ONNX Runtime, else OpenVINO.
        threads: how many threads one call may use; None leaves it to the runtime.

    Raises:
        UsageError: unknown device name or a thread count below 1.
        DeviceError: the device cannot run here; says why.
        ModelError: the file is missing, must not be opened (see `lipsync_edge.models.onnx_guard`) or cannot be loaded.
    """
    wanted = auto_devices() if device == AUTO else [find_device(device)]
    if threads is not None and threads < 1:
        raise UsageError(expected="a thread count of at least 1", got=str(threads))
    if not path.is_file():
        raise ModelError(expected="a model file", got=f"nothing at {path}")
    if path.parent != bundled_models():
        check_onnx(path)
    failures: list[str] = []
    for candidate in wanted:
        try:
            return runtime_of(candidate)(path, candidate, threads)
        except DeviceError as error:
            if device != AUTO:
                raise
            failures.append(f"{candidate.name}: {error.got}")
    raise DeviceError(
        expected="ONNX Runtime or OpenVINO", got="; ".join(failures), fix=find_device("cpu").install
    )


def runtime_of(device: Device) -> Callable[[Path, Device, int | None], Backend]:
    """Return what opens files on a device; where OpenVINO is missing, ONNX Runtime with its plug-in if it has that."""
    from lipsync_edge.models import onnxruntime, openvino

    if device.runtime == "openvino" and (find_spec("openvino") or not onnxruntime.offers(device)):
        return openvino.OpenVinoBackend
    return onnxruntime.OrtBackend
