"""ONNX Runtime: CPU, CUDA and TensorRT, and its OpenVINO plug-in where OpenVINO itself is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lipsync_edge.errors import DeviceError, ModelError
from lipsync_edge.models.backend import Arrays

PROVIDERS = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"),
}
OPENVINO = "OpenVINOExecutionProvider"
PROVIDERS["openvino"] = (OPENVINO, "CPUExecutionProvider")
EXTRA = {"cpu": "cpu", "cuda": "gpu", "tensorrt": "gpu", "openvino": "openvino"}


def offers(device: str) -> bool:
    """Return whether the installed ONNX Runtime was built with the device's provider; no probe, no error."""
    try:
        import onnxruntime
    except ImportError:
        return False
    return PROVIDERS[device][0] in onnxruntime.get_available_providers()


class OrtBackend:
    """A graph in an ONNX Runtime session; `run` may be called from several threads."""

    def __init__(self, path: Path, device: str, threads: int | None) -> None:
        kind, _, target = device.partition(":")
        ort = _import(kind)
        wanted = PROVIDERS[kind]
        if wanted[0] not in ort.get_available_providers():
            raise DeviceError(
                expected=f"an ONNX Runtime with {wanted[0]}",
                got=f"one with {', '.join(ort.get_available_providers())}",
                fix=f"pip install 'lipsync-edge[{EXTRA[kind]}]'",
            )
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads is not None:
            options.intra_op_num_threads = threads
        plug_in = {OPENVINO: {"device_type": target or "CPU"}}
        available = [
            (name, plug_in.get(name, {})) for name in wanted if name in ort.get_available_providers()
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
        self.device = device
        self.inputs = tuple(node.name for node in self._session.get_inputs())
        self.outputs = tuple(node.name for node in self._session.get_outputs())

    def run(self, feeds: Arrays) -> Arrays:
        """Compute every output; see `lipsync_edge.models.backend.Backend`."""
        return dict(zip(self.outputs, self._session.run(None, feeds), strict=True))


def _import(device: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise DeviceError(
            expected=f"ONNX Runtime for device {device}",
            got="it is not installed",
            fix=f"pip install 'lipsync-edge[{EXTRA[device]}]'",
        ) from error
    return onnxruntime


def _explain(error: Exception, path: Path, device: str) -> ModelError:
    reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    if device == "cpu":
        return ModelError(expected=f"a loadable ONNX model in {path.name}", got=reason)
    return DeviceError(expected=f"{path.name} on {device}", got=reason, fix="use --device auto or cpu")
