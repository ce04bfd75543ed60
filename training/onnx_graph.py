"""Writes a trained network as ONNX and checks that ONNX Runtime and OpenVINO compute what torch does."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from lipsync_edge.models.telemetry import import_onnxruntime, import_openvino

Array = npt.NDArray[Any]
Axes = dict[str, dict[int, str]]


def export_graph(
    graph: nn.Module, examples: dict[str, Array], outputs: list[str], axes: Axes, path: Path
) -> None:
    """Write `graph` to `path`, opset 17.

    Args:
        graph: wrapper whose forward takes the inputs in this order.
        examples: name of each input and an array to trace with.
        outputs: names of the outputs, in order.
        axes: names of the free axes of each tensor.
        path: the .onnx file.
    """
    graph.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        beside = Path(folder) / path.name
        with warnings.catch_warnings():  # the exporter by traces warns that there is a newer one
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                graph, tuple(torch.from_numpy(array) for array in examples.values()), str(beside),
                input_names=list(examples), output_names=outputs,
                dynamic_axes=axes, opset_version=17, dynamo=False,
            )  # fmt: skip
        model = onnx.load(str(beside))
        onnx.checker.check_model(model, full_check=True)
        beside.replace(path)


def largest_difference(graph: nn.Module, path: Path, feeds: list[Array]) -> dict[str, float]:
    """Return each runtime's largest absolute difference to torch over all outputs and feeds."""
    ort = import_onnxruntime()
    ov = import_openvino()

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    compiled = ov.Core().compile_model(
        str(path), "CPU", {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    )
    name = session.get_inputs()[0].name
    worst = {"onnxruntime": 0.0, "openvino": 0.0}
    for feed in feeds:
        with torch.no_grad():
            made = graph(torch.from_numpy(feed))
        wanted = [t.numpy() for t in (made if isinstance(made, tuple) else (made,))]
        given = {"onnxruntime": session.run(None, {name: feed}), "openvino": list(compiled(feed).values())}
        for key, arrays in given.items():
            for want, got in zip(wanted, arrays, strict=True):
                worst[key] = max(worst[key], float(np.abs(want - np.asarray(got)).max()))
    return worst


def milliseconds(path: Path, feed: Array, threads: int, runs: int = 50) -> float:
    """Return the median time of one ONNX Runtime call on so many cores."""
    import time

    ort = import_onnxruntime()

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        session.run(None, {name: feed})
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1000)


def parameters(net: nn.Module) -> int:
    """Count the weights."""
    return sum(p.numel() for p in net.parameters())
