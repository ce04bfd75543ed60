"""The read-out's place in the audio encoder's graph: what it is fitted on, and how it becomes a second output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from training.data.noise import FLOOR
from training.lips.split import COEFFICIENTS, needed
from training.voice.network import COLUMNS, OFFSET, WIDTH

Array = npt.NDArray[Any]

HIDDEN = "/ear/time/time.3/time.3.1/Relu_output_0"  # what all heads see, (batch, 176, outputs)
ARTICULATION = "articulation"
QUANTIZED = "_QuantizeLinear_Output"


def hidden_of(graph: onnx.GraphProto) -> tuple[str, list[onnx.NodeProto]]:
    """Return the name of the tensor that heads see, and nodes that must be added for it.

    Of an int8 graph it is dequantised once more, so that the other heads' pattern stays as runtimes know it.
    """
    makers = {value: node for node in graph.node for value in node.output}
    quantized = HIDDEN + QUANTIZED
    if quantized not in makers:
        return HIDDEN, []
    seen = f"/{ARTICULATION}/hidden"
    scale = list(makers[quantized].input[1:])
    return seen, [helper.make_node("DequantizeLinear", [quantized, *scale], [seen], name=seen)]


class Trunk:
    """Runs a file as far as the hidden layer, over whole sounds.

    Args:
        path: an `edge_voice` file, fp32 or int8.
    """

    def __init__(self, path: Path) -> None:
        whole = without_articulation(onnx.load(str(path)))
        name, added = hidden_of(whole.graph)
        whole.graph.node.extend(added)
        nodes = needed(whole.graph, name)
        used = {value for node in nodes for value in node.input}
        graph = helper.make_graph(
            nodes,
            "trunk",
            [helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["batch", 80, "columns"])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", WIDTH, "outputs"])],
            [value for value in whole.graph.initializer if value.name in used],
        )
        model = helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, mel: Array) -> Array:
        """Return what is heard at every second column of mel (80, T): float32 (n, 176); outside it is silence."""
        padded = np.pad(mel.astype(np.float32), ((0, 0), (-OFFSET, COLUMNS + OFFSET)), constant_values=FLOOR)
        heard = self._session.run(None, {"mel": padded[None]})[0][0].T
        return np.ascontiguousarray(heard, np.float32)


def without_articulation(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph that gives coefficients alone."""
    nodes = needed(model.graph, COEFFICIENTS)
    used = {value for node in nodes for value in node.input}
    graph = helper.make_graph(
        nodes,
        model.graph.name,
        list(model.graph.input),
        [value for value in model.graph.output if value.name == COEFFICIENTS],
        [value for value in model.graph.initializer if value.name in used],
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def with_articulation(model: onnx.ModelProto, layers: list[tuple[Array, Array]]) -> onnx.ModelProto:
    """Return a graph with the second output `articulation`, float32 (batch, 2), 0…1; the first one does not change.

    Args:
        model: an `edge_voice` graph.
        layers: weight (out, in) and bias (out,) of each layer, float32; ReLU between them.
    """
    made = without_articulation(model)
    seen, nodes = hidden_of(made.graph)
    last = len(layers) - 1
    flat = f"/{ARTICULATION}/flat"
    nodes.append(helper.make_node("Flatten", [seen], [flat], name=flat, axis=1))
    for k, (weight, bias) in enumerate(layers):
        names = [f"{ARTICULATION}.{k}.weight", f"{ARTICULATION}.{k}.bias"]
        for name, array in zip(names, (weight, bias), strict=True):
            made.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
        dense, after = f"/{ARTICULATION}/{k}/Gemm", f"/{ARTICULATION}/{k}/after"
        nodes.append(helper.make_node("Gemm", [flat, *names], [dense], name=dense, transB=1))
        flat = ARTICULATION if k == last else after
        nodes.append(helper.make_node("Sigmoid" if k == last else "Relu", [dense], [flat], name=after))
    made.graph.node.extend(nodes)
    made.graph.output.append(
        helper.make_tensor_value_info(ARTICULATION, TensorProto.FLOAT, ["batch", layers[-1][1].size])
    )
    return made
