"""What this machine can really run: every backend is tried with a small graph, not only asked for names."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from lipsync_edge.demo import ASSETS
from lipsync_edge.errors import LipsyncError
from lipsync_edge.models.backend import DEVICES, open_backend
from lipsync_edge.types import F32

PROBE = ASSETS / "probe.onnx"
PACKAGES = {"cpu": "onnxruntime", "cuda": "onnxruntime-gpu", "tensorrt": "onnxruntime-gpu"}
FIX = {
    "cpu": "pip install 'lipsync-edge[cpu]'",
    "cuda": "pip uninstall -y onnxruntime && pip install 'lipsync-edge[gpu]'",
    "tensorrt": "pip install 'lipsync-edge[gpu]' tensorrt",
    "openvino:CPU": "pip install 'lipsync-edge[openvino]'",
    "openvino:GPU": "apt-get install intel-opencl-icd",
    "openvino:NPU": "apt-get install intel-driver-compiler-npu intel-level-zero-npu",
}


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """One device.

    Attributes:
        name: what `--device` takes.
        works: whether the probe ran on it and computed the right numbers.
        detail: version of what ran it, or why it did not run.
        fix: the one command that would add it, or "" when it works.
    """

    name: str
    works: bool
    detail: str
    fix: str


def probe_devices() -> list[DeviceReport]:
    """Try every device; never raises for one that is missing."""
    names = [name for name in DEVICES if name not in ("auto", "openvino")]
    return [probe_device(name) for name in names]


def probe_device(name: str) -> DeviceReport:
    """Run the probe graph on one device."""
    fix = FIX[name]
    if name.startswith("openvino:") and name != "openvino:CPU" and _installed("openvino") is None:
        fix = FIX["openvino:CPU"]
    x = np.linspace(-1, 1, 2 * 3 * 16 * 16, dtype=np.float32).reshape(2, 3, 16, 16)
    try:
        made = open_backend(PROBE, name, 1).run({"x": x})["y"]
    except LipsyncError as error:
        return DeviceReport(name, False, error.got, fix)
    if made.shape != (2, 4, 16, 16) or not np.allclose(made, expected(x), atol=2e-2):
        return DeviceReport(name, False, "the probe ran but its numbers are wrong", fix)
    package = "openvino" if name.startswith("openvino") else PACKAGES[name]
    return DeviceReport(
        name, True, f"{package} {_installed(package) or _installed('onnxruntime') or ''}".strip(), ""
    )


def expected(x: F32) -> F32:
    """Return what the probe must give for float32 (n, 3, 16, 16): ReLU of one 3x3 convolution."""
    weights = ((np.arange(4 * 3 * 9).reshape(4, 3, 3, 3) % 7 - 3) / 8).astype(np.float32)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.asarray(np.maximum(np.einsum("nchwij,ocij->nohw", windows, weights), 0), np.float32)


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
