"""What this machine can really run: every device is tried with a small graph, not only asked for its name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from lipsync_edge.demo import ASSETS
from lipsync_edge.errors import LipsyncError
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.devices import DEVICES, Device
from lipsync_edge.types import F32

PROBE = ASSETS / "probe.onnx"


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
    return [probe_device(device) for device in DEVICES if not device.alias]


def probe_device(device: Device) -> DeviceReport:
    """Run the probe graph on one device."""
    has_package = device.runtime != "openvino" or _installed(device.package) is not None
    fix = device.fix if device.fix and has_package else device.install
    x = np.linspace(-1, 1, 2 * 3 * 16 * 16, dtype=np.float32).reshape(2, 3, 16, 16)
    try:
        made = open_backend(PROBE, device.name, 1).run({"x": x})["y"]
    except LipsyncError as error:
        return DeviceReport(device.name, False, error.got, fix)
    if made.shape != (2, 4, 16, 16) or not np.allclose(made, expected(x), atol=2e-2):
        return DeviceReport(device.name, False, "the probe ran but its numbers are wrong", fix)
    ran = f"{device.package} {_installed(device.package) or _installed('onnxruntime') or ''}"
    return DeviceReport(device.name, True, ran.strip(), "")


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
