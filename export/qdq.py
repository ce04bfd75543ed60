"""Static int8 in QDQ form: measured ranges, per-channel weights, chosen nodes left in float.

Weights have seven bits (reduce_range). The int8 dot product of x86 without VNNI adds pairs of uint8 × int8 products in
16 bits: 255·127·2 does not fit and is clipped, 255·64·2 does. On such machines eight bits are silently wrong; on
machines with VNNI seven bits cost a little accuracy, which the gate looks at, and no time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from lipsync_edge.models.spec import QuantPlan
from lipsync_edge.types import Arrays

from .convert import clean
from .unfold import unfold_transposed

HEAVY = ("Conv", "MatMul", "Gemm")  # what int8 makes faster
# kept in int8 between
PASSING = ("Add", "Mul", "Concat", "MaxPool", "Relu", "LeakyRelu", "Resize", "DepthToSpace")
TYPES = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    def __init__(self, feeds: Sequence[Arrays]) -> None:
        self._rest: Iterator[Arrays] = iter(feeds)

    def get_next(self) -> Arrays | None:
        return next(self._rest, None)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A float graph ready to be quantized in several ways.

    Attributes:
        model: shapes inferred, transposed convolutions undone.
        ranges: tensor name → lowest and highest value seen (ONNX Runtime's own type).
        plan: of the spec.
    """

    model: onnx.ModelProto
    ranges: Any
    plan: QuantPlan

    def heavy(self) -> list[str]:
        """Return the names of the nodes worth quantizing, in order of execution."""
        constants = {t.name for t in self.model.graph.initializer}
        return [
            node.name
            for node in self.model.graph.node
            if node.op_type in HEAVY
            and node.input[1] in constants
            and not any(part in node.name for part in self.plan.exclude)
        ]


def prepare(fp32: Path, feeds: Sequence[Arrays], plan: QuantPlan, work: Path) -> Prepared:
    """Measure the range of every tensor over the calibration inputs.

    Args:
        fp32: the float file.
        feeds: calibration inputs.
        plan: how weights and activations are to be stored.
        work: folder for intermediate files.
    """
    model = onnx.shape_inference.infer_shapes(unfold_transposed(onnx.load(str(fp32))), data_prop=True)
    for i, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{i}"
    path = work / "prepared.onnx"
    onnx.save(model, str(path))
    calibrator = create_calibrator(
        path, [*HEAVY, *PASSING], str(work / "augmented.onnx"), calibrate_method=CalibrationMethod.MinMax
    )
    calibrator.collect_data(_Reader(feeds))
    return Prepared(model, calibrator.compute_data(), plan)


def quantized(prepared: Prepared, keep_float: Collection[str] = ()) -> onnx.ModelProto:
    """Return the int8 graph.

    Args:
        prepared: of `prepare`.
        keep_float: names of nodes that stay in float.
    """
    model = onnx.ModelProto()
    model.CopyFrom(prepared.model)
    heavy = [name for name in prepared.heavy() if name not in keep_float]
    between = _between(model, set(heavy))
    quantizer = QDQQuantizer(
        model,
        prepared.plan.per_channel,
        True,  # reduce_range: seven-bit weights
        QuantType.QInt8,
        TYPES[prepared.plan.activations],
        prepared.ranges,
        [*heavy, *between],
        [],
        [*HEAVY, *PASSING],
        {"ActivationSymmetric": prepared.plan.activations == "int8"},
    )
    quantizer.quantize_model()
    return clean(quantizer.model.model)


def _between(model: onnx.ModelProto, heavy: set[str]) -> list[str]:
    """Return the light nodes whose inputs all come, through light nodes, from quantized ones."""
    made_int8: set[str] = set()
    chosen = []
    constants = {t.name for t in model.graph.initializer}
    for node in model.graph.node:
        if node.name in heavy:
            made_int8.update(node.output)
        elif node.op_type in PASSING:
            inputs = [name for name in node.input if name and name not in constants]
            if inputs and all(name in made_int8 for name in inputs):
                chosen.append(node.name)
                made_int8.update(node.output)
    return chosen


def largest_weight(model: onnx.ModelProto) -> int:
    """Return the largest absolute int8 weight: at most 64 cannot saturate anywhere."""
    rank = {
        t.name for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8 and len(t.dims) > 1
    }
    arrays = (numpy_helper.to_array(t).astype(np.int64) for t in model.graph.initializer if t.name in rank)
    return max((int(np.abs(a).max()) for a in arrays if a.size), default=0)
