"""Graphs made anew for smaller files: transposed convolutions unfolded, and probabilities that stay whole in fp16."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.makers import outputs, probabilities, to_half
from export.unfold import unfold_transposed


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (5, 7)])
@pytest.mark.parametrize("grows", [True, False])
def test_unfolded_transposed_convolution(size: tuple[int, int], grows: bool) -> None:
    """The plain form computes the same, at awkward sizes too."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(4, 5, 3, 3)).astype(np.float32)
    shape = (
        {"strides": [1, 1], "pads": [0] * 4}
        if grows
        else {"strides": [2, 2], "pads": [1] * 4, "output_padding": [1, 1]}
    )
    node = helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], "n", kernel_shape=[3, 3], **shape)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4, *size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 5, None, None])],
        [
            numpy_helper.from_array(weight, "w"),
            numpy_helper.from_array(rng.normal(size=5).astype(np.float32), "b"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    plain = unfold_transposed(model)
    assert "ConvTranspose" not in [n.op_type for n in plain.graph.node]
    x = rng.normal(size=(2, 4, *size)).astype(np.float32)
    import onnxruntime

    want, got = (
        onnxruntime.InferenceSession(m.SerializeToString()).run(None, {"x": x})[0] for m in (model, plain)
    )
    assert got.shape == want.shape
    assert np.abs(got - want).max() < 1e-5


def probability_graph() -> onnx.ModelProto:
    """x → conv → sigmoid → flatten → scores, and the sigmoid of a gate in the middle of the other output."""
    node = helper.make_node
    nodes = [
        node("Sigmoid", ["x"], ["gate"], "gate"),
        node("Mul", ["x", "gate"], ["y"], "gated"),
        node("Mul", ["x", "scale"], ["logits"], "scaled"),
        node("Sigmoid", ["logits"], ["p"], "squash"),
        node("Flatten", ["p"], ["scores"], "flat"),
    ]
    shape = [1, 1, 1, 4]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 4]),
        ],
        [numpy_helper.from_array(np.full(1, 2.0, np.float32), "scale")],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def test_half_precision_keeps_the_order_of_probabilities_near_one(tmp_path: Path) -> None:
    """In fp16, 0.99993 and 0.99997 are both 1, and the best box of a face would be any of them."""
    model = probability_graph()
    assert sorted(probabilities(model)) == ["flat", "squash"]
    half = to_half(model)
    feed = {"x": np.array([4.85, 5.2, 5.0, 4.7], np.float32).reshape(1, 1, 1, 4)}
    scores = outputs(half, [feed], tmp_path)[0]["scores"][0]
    assert scores.argsort().tolist() == [3, 0, 2, 1]
    assert len(set(scores.tolist())) == 4
    # the rest is half
    assert sum(one.data_type == TensorProto.FLOAT16 for one in half.graph.initializer) == 1
