"""ONNX Runtime: CPU, CUDA and TensorRT, and its OpenVINO plug-in where OpenVINO itself is not installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lipsync_edge.errors import DeviceError, ModelError
from lipsync_edge.models.devices import Device
from lipsync_edge.models.forked import check_process
from lipsync_edge.models.telemetry import import_onnxruntime
from lipsync_edge.types import Arrays


def offers(device: Device) -> bool:
    """Return whether the installed ONNX Runtime was built with the device's provider; no probe, no error."""
    try:
        onnxruntime = import_onnxruntime()
    except ImportError:
        return False
    return device.providers[0] in onnxruntime.get_available_providers()


class OrtBackend:
    """A graph in an ONNX Runtime session; `run` may be called from several threads."""

    def __init__(self, path: Path, device: Device, threads: int | None) -> None:
        ort = _import(device)
        wanted = device.providers
        if wanted[0] not in ort.get_available_providers():
            raise DeviceError(
                expected=f"an ONNX Runtime with {wanted[0]}",
                got=f"one with {', '.join(ort.get_available_providers())}",
                fix=device.install,
            )
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads is not None:
            options.intra_op_num_threads = threads
        plug_in = {"device_type": device.target} if device.runtime == "openvino" else {}
        available = [
            (name, plug_in if name == wanted[0] else {})
            for name in wanted
            if name in ort.get_available_providers()
        ]
        try:
            self._session: Any = ort.InferenceSession(str(path), options, providers=available)
        except Exception as error:  # onnxruntime raises a family of unrelated C++ exception types
            raise _explain(error, path, device) from error
        if self._session.get_providers()[0] != wanted[0]:
            raise DeviceError(
                expected=f"{path.name} on {wanted[0]}",
                got=f"ONNX Runtime moved it to {self._session.get_providers()[0]}",
                fix="check the driver and the CUDA/TensorRT libraries, or use --device auto",
            )
        self._process = os.getpid()
        self.device = device.name
        self.inputs = tuple(node.name for node in self._session.get_inputs())
        self.outputs = tuple(node.name for node in self._session.get_outputs())

    def run(self, feeds: Arrays) -> Arrays:
        """Compute every output; see `lipsync_edge.models.backend.Backend`."""
        check_process(self._process)
        return dict(zip(self.outputs, self._session.run(None, feeds), strict=True))


def _import(device: Device) -> Any:
    try:
        return import_onnxruntime()
    except ImportError as error:
        raise DeviceError(
            expected=f"ONNX Runtime for device {device.name}",
            got="it is not installed",
            fix=device.install,
        ) from error


def _explain(error: Exception, path: Path, device: Device) -> ModelError:
    reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    if device.name == "cpu":
        return ModelError(expected=f"a loadable ONNX model in {path.name}", got=reason)
    return DeviceError(expected=f"{path.name} on {device.name}", got=reason, fix="use --device auto or cpu")
