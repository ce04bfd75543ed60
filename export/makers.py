"""The three kinds of smaller files; each maker returns a graph and what it was found to be worth.

When int8 misses its gate, the nodes that hurt most alone go back to float, as few as are needed (bisection over the
ranked list), and the manifest says which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.spec import ModelSpec
from lipsync_edge.types import Arrays

from . import qdq
from .catalogue import evaluate_gate
from .convert import clean
from .gates import Verdict

GROUPS = 32  # nodes are tried out in at most so many groups, neighbours together
RANKING_INPUTS = 3  # of so many gated ones, nodes are ranked on so few
GATED = 12  # inputs that a heavy network is gated on; the others only calibrate
GATED_LIGHT = 64
LIGHT_BYTES = 8_000_000
SQUASHING = {"Softmax", "Sigmoid"}
REORDERING = {"Flatten", "Reshape", "Transpose", "Concat", "Slice", "Squeeze", "Unsqueeze"}


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A smaller file and what was found out about it."""

    model: onnx.ModelProto
    verdict: Verdict
    facts: dict[str, Any] = field(default_factory=dict)


def gate_inputs(fp32: Path, inputs: Sequence[Arrays]) -> Sequence[Arrays]:
    """Return the inputs that files are gated on: spread over all, fewer when the network is heavy."""
    most = GATED_LIGHT if fp32.stat().st_size < LIGHT_BYTES else GATED
    return inputs[:: max(1, len(inputs) // most)][:most]


def outputs(
    model: onnx.ModelProto | Path, inputs: Sequence[Arrays], work: Path, device: str = "cpu"
) -> list[Arrays]:
    """Return a graph's outputs for each input."""
    path = model if isinstance(model, Path) else work / "tried.onnx"
    if not isinstance(model, Path):
        onnx.save(model, str(path))
    backend = open_backend(path, device)
    return [backend.run(one) for one in inputs]


def make_int8(spec: ModelSpec, fp32: Path, inputs: Sequence[Arrays], work: Path) -> Made:
    """Static QDQ with as few nodes in float as the gate needs."""
    prepared = qdq.prepare(fp32, inputs, spec.quant, work)
    gated = gate_inputs(fp32, inputs)
    want = outputs(fp32, gated, work)

    def attempt(keep: Sequence[str]) -> Made:
        model = qdq.quantized(prepared, keep)
        verdict = evaluate_gate(spec, "int8", gated, want, outputs(model, gated, work))
        facts = {"kept_float": list(keep), "largest_weight": qdq.largest_weight(model)}
        return Made(model, verdict, facts)

    made = attempt([])
    if made.verdict.passed:
        return made
    few = len(gated) * RANKING_INPUTS // GATED or 1  # 3 for a heavy network, 16 for a light one
    ranked, table = _ranked(spec, prepared, gated[:few], want[:few], work)
    made = _fewest(ranked, attempt)
    return Made(made.model, made.verdict, {**made.facts, "sensitivity": table})


def _ranked(
    spec: ModelSpec,
    prepared: qdq.Prepared,
    gated: Sequence[Arrays],
    want: Sequence[Arrays],
    work: Path,
) -> tuple[list[list[str]], list[dict[str, Any]]]:
    """Quantize one group of nodes at a time; the groups that lose most come first."""
    names = prepared.heavy()
    size = -(-len(names) // GROUPS)
    groups = [names[i : i + size] for i in range(0, len(names), size)]
    rows = []
    for group in groups:
        keep = [name for name in names if name not in set(group)]
        got = outputs(qdq.quantized(prepared, keep), gated, work)
        margin = evaluate_gate(spec, "int8", gated, want, got).margin
        rows.append((margin, -_noise(want, got), group))
    rows.sort(key=lambda row: row[:2])
    table = [{"nodes": g, "margin": float(f"{m:.4g}"), "noise": float(f"{-n:.3g}")} for m, n, g in rows]
    return [group for _, _, group in rows], table


def _noise(want: Sequence[Arrays], got: Sequence[Arrays]) -> float:
    """Return the error power as a part of the signal's, all outputs together."""
    parts = [(w[name].astype(np.float64), g[name]) for w, g in zip(want, got, strict=True) for name in w]
    return float(np.mean([np.mean((a - b) ** 2) / max(float(np.var(a)), 1e-12) for a, b in parts]))


def _fewest(ranked: Sequence[Sequence[str]], attempt: Callable[[Sequence[str]], Made]) -> Made:
    """Return the attempt that keeps the fewest groups in float and passes; when none does, one that fails.

    The last group is never kept: a file without any int8 would be no int8 file.
    """

    def keep(count: int) -> list[str]:
        return [name for group in ranked[:count] for name in group]

    low, high = 0, len(ranked) - 1
    best = attempt(keep(high))
    if not best.verdict.passed:
        return best
    while high - low > 1:
        middle = (low + high) // 2
        made = attempt(keep(middle))
        if made.verdict.passed:
            high, best = middle, made
        else:
            low = middle
    return best


def probabilities(model: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes that squash an output to 0…1, and of those that only reorder it after that."""
    makers = {name: node for node in model.graph.node for name in node.output}
    found: list[str] = []

    def is_squashed(name: str) -> bool:
        node = makers.get(name)
        if node is None or not node.name:
            return False
        if node.op_type in SQUASHING or (
            node.op_type in REORDERING
            and all([is_squashed(n) for n in node.input[: None if node.op_type == "Concat" else 1]])
        ):
            found.append(node.name)
            return True
        return False

    for output in model.graph.output:
        is_squashed(output.name)
    return found


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph in fp16, with fp32 inputs and outputs.

    Probabilities are made in fp32: in fp16 all above 0.9998 are 1, and which of a face's many boxes is the best then
    goes by their order.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    half = convert_float_to_float16(model, keep_io_types=True, node_block_list=probabilities(model))
    rounding = {n.output[0]: n.input[0] for n in half.graph.node if n.name.endswith("_cast_to_fp16_node")}
    for node in half.graph.node:
        if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT:  # fp32 → fp16 → fp32
            node.input[0] = rounding.get(node.input[0], node.input[0])
    used = {name for node in half.graph.node for name in node.input} | {o.name for o in half.graph.output}
    for node in [n for n in half.graph.node if n.output[0] in set(rounding) - used]:
        half.graph.node.remove(node)
    return half


def make_fp16(spec: ModelSpec, fp32: Path, inputs: Sequence[Arrays], work: Path) -> Made:
    """Half precision inside, the spec's own types at the edges."""
    gated = gate_inputs(fp32, inputs)
    model = to_half(onnx.load(str(fp32)))
    got = outputs(model, gated, work)
    return Made(clean(model), evaluate_gate(spec, "fp16", gated, outputs(fp32, gated, work), got))


def make_dynamic(spec: ModelSpec, fp32: Path, inputs: Sequence[Arrays], work: Path) -> Made:
    """int8 weights, ranges of activations measured at run time: no calibration, slower than static."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    gated = gate_inputs(fp32, inputs)
    path = work / "dynamic.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(onnx.load(str(fp32))), str(work / "shaped.onnx"))
    quantize_dynamic(
        work / "shaped.onnx",
        path,
        op_types_to_quantize=list(qdq.HEAVY),
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )
    model = clean(onnx.load(str(path)))
    return Made(
        model,
        evaluate_gate(
            spec,
            "dynamic",
            gated,
            outputs(fp32, gated, work),
            outputs(model, gated, work),
        ),
    )


MAKERS: dict[str, Callable[[ModelSpec, Path, Sequence[Arrays], Path], Made]] = {
    "int8": make_int8,
    "fp16": make_fp16,
    "dynamic": make_dynamic,
}
