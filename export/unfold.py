"""Transposed convolutions as plain ones, for the int8 file: neither runtime has a fast int8 kernel for the former.

Stride 2, 3×3, padding 1, output padding 1: along each axis out[2i] = w1·x[i] and out[2i+1] = w2·x[i] + w0·x[i+1], so a
2×2 convolution with four times the channels, then DepthToSpace, gives every output pixel. Stride 1 without padding
is a convolution with the mirrored kernel and padding 2. In float these forms are slower, so only int8 gets them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

F32 = npt.NDArray[np.float32]
TAPS = ((0, 0, 1), (1, 0, 2), (1, 1, 0))  # output parity, kernel position, tap of the transposed kernel
DOUBLES = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}
GROWS = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [0, 0, 0, 0]}


def unfold_transposed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy in which every transposed convolution of those two shapes is undone; others stay."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    weights = {tensor.name: tensor for tensor in out.graph.initializer}
    nodes = []
    for node in out.graph.node:
        known = node.op_type == "ConvTranspose" and node.input[1] in weights and len(node.input) == 3
        if known and _has(node, DOUBLES):
            nodes += _doubled(node, out.graph, weights)
        elif known and _has(node, GROWS):
            nodes += _mirrored(node, out.graph, weights)
        else:
            nodes.append(node)
    del out.graph.node[:]
    out.graph.node.extend(nodes)
    used = {name for node in out.graph.node for name in node.input}
    kept = [tensor for tensor in out.graph.initializer if tensor.name in used]
    del out.graph.initializer[:]
    out.graph.initializer.extend(kept)
    return out


def _has(node: onnx.NodeProto, wanted: dict[str, list[int]]) -> bool:
    have = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    extra = [have.get("group", 1) != 1, have.get("dilations", [1, 1]) != [1, 1]]
    extra.append("output_padding" not in wanted and any(have.get("output_padding", [])))
    return not any(extra) and all(list(have.get(key, [])) == value for key, value in wanted.items())


def _doubled(
    node: onnx.NodeProto, graph: onnx.GraphProto, weights: dict[str, onnx.TensorProto]
) -> list[onnx.NodeProto]:
    kernel = plain_kernel(numpy_helper.to_array(weights[node.input[1]]))
    names = f"{node.input[1]}.plain", f"{node.input[2]}.plain"
    bias = np.tile(numpy_helper.to_array(weights[node.input[2]]), 4)
    graph.initializer.extend(
        [numpy_helper.from_array(kernel, names[0]), numpy_helper.from_array(bias, names[1])]
    )
    middle = f"{node.output[0]}.plain"
    conv = helper.make_node(
        "Conv",
        [node.input[0], *names],
        [middle],
        f"{node.name}.plain",
        kernel_shape=[2, 2],
        pads=[0, 0, 1, 1],
    )
    spread = helper.make_node(
        "DepthToSpace", [middle], list(node.output), f"{node.name}.spread", blocksize=2, mode="DCR"
    )
    return [conv, spread]


def _mirrored(
    node: onnx.NodeProto, graph: onnx.GraphProto, weights: dict[str, onnx.TensorProto]
) -> list[onnx.NodeProto]:
    kernel = numpy_helper.to_array(weights[node.input[1]])[:, :, ::-1, ::-1].swapaxes(0, 1)
    name = f"{node.input[1]}.plain"
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(kernel), name))
    inputs = [node.input[0], name, node.input[2]]
    return [
        helper.make_node(
            "Conv", inputs, list(node.output), f"{node.name}.plain", kernel_shape=[3, 3], pads=[2] * 4
        )
    ]


def plain_kernel(transposed: F32) -> F32:
    """float32 (cin, cout, 3, 3) → (4·cout, cin, 2, 2); output channels: row parity, column parity, channel."""
    cin, cout = transposed.shape[:2]
    taps = np.zeros((2, 2, cout, cin, 2, 2), np.float32)
    for row, y, v in TAPS:
        for column, x, u in TAPS:
            taps[row, column, :, :, y, x] = transposed[:, :, v, u].T
    return taps.reshape(4 * cout, cin, 2, 2)
