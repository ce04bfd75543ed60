"""Guard before the runtimes: ONNX files of strangers are looked through and refused before a session opens them.

A runtime believes a file: it opens the other files that a tensor or a node names, takes the memory that a shape asks
for, and has had faults of its own in what it makes of a broken graph. What this package can run needs none of that, so
it is refused: weights outside of the file, tensors that are larger than their data, operators that are not ONNX's or
ONNX Runtime's own, functions, training graphs, graphs that depend on themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from lipsync_edge.errors import ModelError
from lipsync_edge.models.protobuf import Value, fields, message, text, varints

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
REFUSED_OPS = ("EPContext",)  # opens a file that it names
MOST_BYTES = 1 << 31  # of one tensor, and of all of a file: protobuf takes no more
DEEPEST = 8  # graphs inside of nodes
# bytes of an element by TensorProto.DataType; text and types of less than a byte count as one
_SIZES = {
    1: 4,
    2: 1,
    3: 1,
    4: 2,
    5: 2,
    6: 4,
    7: 8,
    8: 1,
    9: 1,
    10: 2,
    11: 8,
    12: 4,
    13: 8,
    14: 8,
    15: 16,
    16: 2,
}
_PACKED = {21: 2, 22: 2, 23: 2, 24: 1, 25: 4, 26: 4}  # elements in a byte
_SHAPING = ("ConstantOfShape", "Expand")  # make a tensor of the shape that another one holds
_INT64 = 7
_SHAPE_BYTES = 160  # of a tensor that may be a shape


class _Refusal(Exception):  # noqa: N818 - it becomes a ModelError
    """What is wrong, in a few words."""


@dataclass(slots=True)
class _Node:
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    op: str = ""


def check_onnx(path: Path) -> None:
    """Refuse a file that no runtime should open.

    Raises:
        ModelError: it is no ONNX file, or holds what is said above.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _Refusal(f"{path.stat().st_size} bytes")
        _check_model(memoryview(path.read_bytes()))
    except (OSError, ValueError, OverflowError) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise ModelError(
            expected=f"an ONNX model in {path.name}", got=got, fix="convert or download it again"
        ) from error
    except _Refusal as refusal:
        raise ModelError(
            expected=f"an ONNX model in {path.name} that stands for itself",
            got=str(refusal),
            fix="use it only if you know who made it, and have it exported as one plain file",
        ) from refusal


def _check_model(data: memoryview) -> None:
    graphs = []
    for number, value in fields(data):
        if number == 7:
            graphs.append(message(value))
        elif number == 8:
            domain = next((text(one) for part, one in fields(message(value)) if part == 1), "")
            _check_domain(domain)
        elif number == 20:
            raise _Refusal("a graph for training")
        elif number == 25:
            raise _Refusal("functions of its own")
    if not graphs or not any(len(graph) for graph in graphs):
        raise ValueError("no graph in it")
    _check_graph(graphs, 0)


def _check_domain(domain: str) -> None:
    if domain not in DOMAINS:
        raise _Refusal(f"operators of {domain[:60]!r}")


def _check_graph(graphs: list[memoryview], depth: int) -> set[str]:
    """Refuse a graph, or return the names of what it uses and does not make itself.

    Args:
        graphs: its pieces, which a reader puts together.
        depth: how many nodes it is inside of.
    """
    if depth > DEEPEST:
        raise _Refusal(f"graphs in graphs, more than {DEEPEST} deep")
    nodes, shapes = [], {}
    for graph in graphs:
        for number, value in fields(graph):
            if number == 1:
                nodes.append(_checked_node(message(value), depth))
            elif number == 5:
                name, shape = _check_tensor(message(value))
                shapes[name] = shape
            elif number == 15:
                _check_sparse(message(value))
    for node in nodes:
        if node.op in _SHAPING and any(_too_large(shapes.get(name, [])) for name in node.inputs):
            raise _Refusal(f"a {node.op} of more than {MOST_BYTES >> 30} GiB")
    _check_order(nodes)
    return {name for node in nodes for name in node.inputs} - {
        name for node in nodes for name in node.outputs
    }


def _checked_node(data: memoryview, depth: int) -> _Node:
    node = _Node()
    for number, value in fields(data):
        if number == 1:
            node.inputs.append(text(value))
        elif number == 2:
            node.outputs.append(text(value))
        elif number == 4:
            node.op = text(value)
            if node.op in REFUSED_OPS:
                raise _Refusal(f"an operator {node.op}, which opens other files")
        elif number == 7:
            _check_domain(text(value))
        elif number == 5:
            for part, inner in fields(message(value)):
                if part in (5, 10):
                    _check_tensor(message(inner))
                elif part in (6, 11):
                    # what a graph inside takes from outside, its node waits for
                    node.inputs += _check_graph([message(inner)], depth + 1)
                elif part in (22, 23):
                    _check_sparse(message(inner))
    return node


def _check_sparse(data: memoryview) -> None:
    """Look at both tensors, and at the size of the whole, which a runtime makes of them."""
    dims: list[int] = []
    for number, value in fields(data):
        if number in (1, 2):
            _check_tensor(message(value))
        elif number == 3:
            dims += varints(value)
    if _too_large(dims):
        raise _Refusal(f"a sparse tensor of shape {dims[:6]}")


def _check_tensor(data: memoryview) -> tuple[str, list[int]]:
    """Return a tensor's name and, of a short list of int64, its numbers; refuse one that is not whole inside."""
    dims: list[int] = []
    numbers: list[int] = []
    kind, stored, name = 0, 0, ""
    for number, value in fields(data):
        if number == 1:
            dims += varints(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number in (4, 5, 6, 7, 9, 10, 11):
            stored += _length(number, value, kind)
            numbers += _numbers(number, value)
        elif number == 8:
            name = text(value)
        elif number == 13 or (number == 14 and value == 1):
            raise _Refusal(f"weights outside of the file{_place(number, value)}")
    if any(dim < 0 for dim in dims):
        raise _Refusal(f"a tensor of shape {dims[:6]}")
    bytes_each = 1 / _PACKED[kind] if kind in _PACKED else _SIZES.get(kind, 1)
    claimed = prod(dims) * bytes_each
    if claimed > MOST_BYTES or claimed > stored:
        raise _Refusal(f"a tensor of shape {dims[:6]} in {stored} bytes")
    return name, numbers if kind == _INT64 and len(dims) == 1 == len(numbers) // max(1, dims[0]) else []


def _length(number: int, value: Value, kind: int) -> int:
    """Bytes that a field of data can fill: of the typed ones, whose numbers are packed, at most so many."""
    each = _SIZES.get(kind, 8)
    if isinstance(value, int):
        return max(8, each)
    return len(value) if number == 9 else len(value) * each + each


def _numbers(number: int, value: Value) -> list[int]:
    """Numbers of a field that may hold a shape: int64, and few."""
    if number == 7 and (isinstance(value, int) or len(value) <= _SHAPE_BYTES):
        return [*varints(value)]
    if number == 9 and not isinstance(value, int) and len(value) <= _SHAPE_BYTES:
        return [int.from_bytes(value[at : at + 8], "little", signed=True) for at in range(0, len(value), 8)]
    return []


def _place(number: int, value: Value) -> str:
    if number != 13:
        return ""
    parts: dict[int, str] = {}
    for part, inner in fields(message(value)):
        parts[part] = text(inner)
    return f", in {parts.get(2, '')[:60]!r}" if parts.get(1) == "location" else ""


def _too_large(dims: list[int]) -> bool:
    return prod(max(1, abs(dim)) for dim in dims) > MOST_BYTES // 4


def _check_order(nodes: list[_Node]) -> None:
    """Refuse a graph that depends on itself, and values that are made twice."""
    maker: dict[str, int] = {}
    for number, node in enumerate(nodes):
        for name in filter(None, node.outputs):
            if name in maker:
                raise _Refusal(f"two nodes that make {name[:60]!r}")
            maker[name] = number
    waits = [{maker[name] for name in node.inputs if name in maker} for node in nodes]
    users: list[list[int]] = [[] for _ in nodes]
    for number, needed in enumerate(waits):
        for one in needed:
            users[one].append(number)
    ready = [number for number, needed in enumerate(waits) if not needed]
    for number in ready:  # which grows meanwhile
        for user in users[number]:
            waits[user].discard(number)
            if not waits[user]:
                ready.append(user)
    if len(ready) != len(nodes):
        raise _Refusal("a graph that depends on itself")
