"""OpenVINO's own runtime, on CPU, GPU or NPU."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from lipsync_edge.errors import DeviceError, ModelError
from lipsync_edge.models.devices import Device
from lipsync_edge.models.forked import check_process
from lipsync_edge.models.telemetry import import_openvino
from lipsync_edge.types import Arrays


class OpenVinoBackend:
    """A compiled OpenVINO model; every thread gets an infer request of its own."""

    def __init__(self, path: Path, device: Device, threads: int | None) -> None:
        try:
            openvino = import_openvino()
        except ImportError as error:
            raise DeviceError(expected="OpenVINO", got="it is not installed", fix=device.install) from error
        target = device.target
        core = openvino.Core()
        if not any(name.split(".")[0] == target for name in core.available_devices):
            found = ", ".join(core.available_devices) or "no device"
            raise DeviceError(expected=f"OpenVINO on {target}", got=found, fix="install the device's driver")
        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if target == "CPU":
            config["INFERENCE_PRECISION_HINT"] = "f32"
            if threads is not None:
                config["INFERENCE_NUM_THREADS"] = threads
        try:
            graph = core.read_model(path)
            # Before compilation: afterwards a port may also carry the name of a cast that was merged into it.
            self.inputs = tuple(port.get_any_name() for port in graph.inputs)
            self.outputs = tuple(port.get_any_name() for port in graph.outputs)
            self._model: Any = core.compile_model(graph, target, config)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1][:300]
            raise ModelError(expected=f"a model OpenVINO can load in {path.name}", got=reason) from error
        self._process = os.getpid()
        self.device = f"openvino:{target}"
        self._local = threading.local()

    def run(self, feeds: Arrays) -> Arrays:
        """Compute every output; see `lipsync_edge.models.backend.Backend`."""
        check_process(self._process)
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._model.create_infer_request()
        request.infer(feeds, share_inputs=True)
        return {name: np.array(request.get_output_tensor(i).data) for i, name in enumerate(self.outputs)}
