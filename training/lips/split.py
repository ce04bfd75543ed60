"""Cut the audio encoder out of the graph of the lips, so that a host can ask it alone what a sound asks of a mouth.

python -m training lips.split --models models_onnx

Writes `edge_voice.fp32.onnx` (mel → mouth coefficients) beside `edge_lips.fp32.onnx`. No weight changes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from training.cli import command, parse

ASKED = "/Mul_output_0"  # the encoder's coefficients times the amplitude, as the mouth renderer takes them
COEFFICIENTS = "coefficients"


def split(lips: Path, voice: Path) -> None:
    """Write the part of a lips graph between its mel and the coefficients."""
    whole = onnx.load(str(lips))
    mel = next(value for value in whole.graph.input if value.name == "mel")
    nodes = needed(whole.graph, ASKED)
    used = {value for node in nodes for value in node.input}
    for node in nodes:
        node.output[:] = [COEFFICIENTS if name == ASKED else name for name in node.output]
    graph = helper.make_graph(
        nodes,
        "edge_voice",
        [mel],
        [helper.make_tensor_value_info(COEFFICIENTS, TensorProto.FLOAT, ["batch", 8])],
        [value for value in whole.graph.initializer if value.name in used],
    )
    model = helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(voice))


def needed(graph: onnx.GraphProto, output: str) -> list[onnx.NodeProto]:
    """Return the nodes that make a tensor, in the graph's order."""
    maker = {value: node for node in graph.node for value in node.output}
    wanted, waiting = set(), [output]
    while waiting:
        node = maker.get(waiting.pop())
        if node is not None and node.name not in wanted:
            wanted.add(node.name)
            waiting += node.input
    return [node for node in graph.node if node.name in wanted]


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__)
    parser.add_argument("--models", type=Path, default=Path("models_onnx"))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Cut from the command line."""
    models: Path = parse(arguments(), argv).models
    split(models / "edge_lips.fp32.onnx", models / "edge_voice.fp32.onnx")
