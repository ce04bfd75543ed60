"""Cuts the bundled lip graph between its audio encoder and its mouth renderer, so that each can be called alone.

    python -m training.mouth.split_lips --models models_onnx --out DIR

Writes `edge_lips_encoder.PRECISION.onnx` (mel → coefficients) and `edge_lips_renderer.PRECISION.onnx` (face and
coefficients → flow, mask, paint and the coefficients seen in the face). No weight changes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
from onnx import TensorProto, helper

ASKED = "/Mul_output_0"
SEEN = "/hand/estimate/estimate.5/Gemm_output_0"
PARTS = {
    "edge_lips_encoder": (["mel"], [ASKED]),
    "edge_lips_renderer": (["face", ASKED], ["flow", "mask", "paint", SEEN]),
}


def split(path: Path, out: Path) -> None:
    """Cut one graph."""
    whole, precision = onnx.load(str(path)), path.name.split(".")[1]
    given = {value.name: value for value in (*whole.graph.input, *whole.graph.output)}
    for name in (ASKED, SEEN):
        given[name] = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 8])
    for name, (inputs, outputs) in PARTS.items():
        nodes = needed(whole.graph, inputs, outputs)
        used = {value for node in nodes for value in node.input}
        part = helper.make_graph(
            nodes,
            name,
            [given[value] for value in inputs],
            [given[value] for value in outputs],
            [value for value in whole.graph.initializer if value.name in used],
        )
        model = helper.make_model(part, opset_imports=whole.opset_import, ir_version=whole.ir_version)
        _rename(model, {ASKED: "coefficients", SEEN: "seen"})
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(out / f"{name}.{precision}.onnx"))


def needed(graph: onnx.GraphProto, inputs: list[str], outputs: list[str]) -> list[onnx.NodeProto]:
    """Return the nodes between tensors, each after those whose results it takes."""
    maker = {value: node for node in graph.node for value in node.output}
    done: set[str] = set(inputs)
    nodes: list[onnx.NodeProto] = []
    waiting = list(outputs)
    while waiting:
        node = maker.get(waiting[-1])
        missing = [] if node is None else [v for v in node.input if v in maker and v not in done]
        if waiting[-1] in done or node is None:
            waiting.pop()
        elif missing:
            waiting += missing
        else:
            nodes.append(node)
            done.update(node.output)
            waiting.pop()
    return nodes


def _rename(model: onnx.ModelProto, names: dict[str, str]) -> None:
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def main() -> None:
    """Cut every precision that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("models_onnx"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(options.models.glob("edge_lips.*.onnx")):
        split(path, options.out)


if __name__ == "__main__":
    main()
