"""What can be counted or timed about an ONNX file: parameters, multiply-adds, milliseconds, differences."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

Array = npt.NDArray[np.generic]
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)


def parameters(model: onnx.ModelProto) -> int:
    """Return how many numbers the weights of a float graph hold (shapes, indices and scalars left out)."""
    kinds = (*FLOATS, onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    return sum(
        int(np.prod(t.dims)) for t in model.graph.initializer if t.data_type in kinds and len(t.dims) > 0
    )


def macs(model: onnx.ModelProto, feeds: Mapping[str, Sequence[int]]) -> int:
    """Return the multiply-adds of convolutions and matrix products of a float graph.

    Args:
        model: the graph.
        feeds: input name → its shape.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, feeds[value.name], strict=True):
            dim.dim_value = size
    del fixed.graph.value_info[:]
    for value in fixed.graph.output:
        for dim in value.type.tensor_type.shape.dim:
            dim.Clear()
    graph = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    sizes = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*graph.input, *graph.value_info)
    }
    sizes |= {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.output}
    sizes |= {t.name: list(t.dims) for t in graph.initializer}
    return sum(_node_macs(node, sizes) for node in graph.node)


def _node_macs(node: onnx.NodeProto, sizes: Mapping[str, Sequence[int]]) -> int:
    if node.op_type == "Conv":
        weight, out = sizes[node.input[1]], sizes[node.output[0]]
        return int(np.prod(out)) * int(np.prod(weight[1:]))
    if node.op_type == "ConvTranspose":
        weight, x = sizes[node.input[1]], sizes[node.input[0]]
        return int(np.prod(x)) * int(np.prod(weight[1:]))
    if node.op_type in ("MatMul", "Gemm"):
        x, out = sizes[node.input[0]], sizes[node.output[0]]
        return int(np.prod(out)) * int(x[-1])
    return 0


def relative_error(got: Array, want: Array, spread: float | None = None) -> float:
    """Return the largest difference as a part of `spread`, by default the wanted array's range; NaN is infinite."""
    a, b = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if a.size == 0:
        return 0.0
    worst = float(np.abs(a - b).max())
    spread = spread or float(b.max() - b.min()) or 1.0
    return worst / spread if np.isfinite(worst) else float("inf")


def psnr(got: Array, want: Array, peak: float = 1.0) -> float:
    """Return the peak signal-to-noise ratio in dB; 120 at most, for equal arrays."""
    noise = float(np.mean((np.asarray(got, np.float64) - np.asarray(want, np.float64)) ** 2))
    return float(min(120.0, 10.0 * np.log10(peak * peak / max(noise, 1e-12))))


def best_ms(call: Callable[[], object], repeats: int = 7, warm: int = 1) -> float:
    """Return the shortest time of a call in ms, after `warm` untimed ones: what else runs only ever adds to it."""
    for _ in range(warm):
        call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def load_graph(path: Path) -> onnx.ModelProto:
    """Return an ONNX file without reading anything outside it."""
    return onnx.load(str(path), load_external_data=False)
