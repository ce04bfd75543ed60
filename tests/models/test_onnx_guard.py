"""ONNX files of strangers: refused before a runtime opens them, and the bundled ones are not."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from lipsync_edge.errors import ModelError
from lipsync_edge.models import backend
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.onnx_guard import check_onnx
from lipsync_edge.models.registry import bundled_models

FLOAT = TensorProto.FLOAT


def graph(
    *nodes: onnx.NodeProto, tensors: tuple[onnx.TensorProto, ...] = (), name: str = "g"
) -> onnx.GraphProto:
    ends = [helper.make_tensor_value_info(end, FLOAT, ["n"]) for end in ("x", "y")]
    return helper.make_graph(list(nodes), name, ends[:1], ends[1:], list(tensors))


def saved(path: Path, made: onnx.GraphProto | onnx.ModelProto, *domains: str) -> Path:
    if isinstance(made, onnx.GraphProto):
        imports = [helper.make_opsetid(domain, 17) for domain in ("", *domains)]
        made = helper.make_model(made, opset_imports=imports, ir_version=8)
    path.write_bytes(made.SerializeToString())
    return path


def add(left: str = "x", right: str = "w", out: str = "y") -> onnx.NodeProto:
    return helper.make_node("Add", [left, right], [out])


def tensor(**changes: object) -> onnx.TensorProto:
    made = numpy_helper.from_array(np.ones(4, np.float32), "w")
    for name, value in changes.items():
        if name == "dims":
            del made.dims[:]
            made.dims.extend(value)  # type: ignore[arg-type]
        else:
            setattr(made, name, value)
    return made


def outside(location: str) -> onnx.TensorProto:
    made = tensor(data_location=TensorProto.EXTERNAL)
    made.ClearField("raw_data")
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        made.external_data.add(key=key, value=value)
    return made


def inside(deep: int) -> onnx.NodeProto:
    """An If in an If in an If."""
    node = helper.make_node("Identity", ["x"], ["y"])
    for level in range(deep):
        body = helper.make_graph([node], f"g{level}", [], [helper.make_tensor_value_info("y", FLOAT, ["n"])])
        node = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)
    return node


def branch(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "b", [], [helper.make_tensor_value_info("r", FLOAT, ["n"])])


def capturing() -> onnx.GraphProto:
    """An If whose branch uses what is made of the If."""
    body = branch(helper.make_node("Identity", ["y"], ["r"]))
    return graph(
        helper.make_node("If", ["c"], ["z"], then_branch=body, else_branch=body),
        helper.make_node("Identity", ["z"], ["y"]),
    )


SHAPE = numpy_helper.from_array(np.array([1 << 20, 1 << 20], np.int64), "shape")
REFUSED = {
    "external": (graph(add(), tensors=(outside("/etc/passwd"),)), "outside of the file, in '/etc/passwd'"),
    "external_beside": (graph(add(), tensors=(outside("w.bin"),)), "outside of the file"),
    "external_in_a_node": (
        graph(helper.make_node("Constant", [], ["y"], value=outside("../w"))),
        "outside of the file",
    ),
    "huge": (graph(add(), tensors=(tensor(dims=[1 << 40, 1 << 30]),)), "a tensor of shape"),
    "more_than_there_is": (graph(add(), tensors=(tensor(dims=[5]),)), r"shape \[5\] in 16 bytes"),
    "negative": (graph(add(), tensors=(tensor(dims=[-1, -4]),)), "a tensor of shape"),
    "made_huge": (
        graph(helper.make_node("ConstantOfShape", ["shape"], ["y"]), tensors=(SHAPE,)),
        "a ConstantOfShape of more than 2 GiB",
    ),
    "custom": (graph(helper.make_node("Run", ["x"], ["y"], domain="evil.example")), "operators of 'evil"),
    "opens_files": (
        graph(helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft")),
        "which opens other files",
    ),
    "cycle": (graph(add("x", "z", "y"), add("y", "x", "z")), "depends on itself"),
    "own_cycle": (graph(add("x", "y", "y")), "depends on itself"),
    "cycle_through_a_branch": (capturing(), "depends on itself"),
    "twice": (graph(add("x", "x"), add("x", "x")), "two nodes that make 'y'"),
    "deep": (graph(inside(10)), "graphs in graphs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_stranger_may_send_is_refused_before_a_session_opens_it(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, said = REFUSED[name]
    path = saved(tmp_path / "m.onnx", made)
    monkeypatch.setattr(backend, "runtime_of", lambda _: pytest.fail("a runtime opened it"))
    with pytest.raises(ModelError, match=said):
        open_backend(path, "cpu")


def test_functions_training_and_foreign_domains_are_refused(tmp_path: Path) -> None:
    plain = helper.make_model(graph(add("x", "x")), opset_imports=[helper.make_opsetid("", 17)])
    with_function, training = onnx.ModelProto(), onnx.ModelProto()
    with_function.CopyFrom(plain)
    training.CopyFrom(plain)
    with_function.functions.add(name="f", domain="")
    training.training_info.add()
    for made, said in ((with_function, "functions"), (training, "training")):
        with pytest.raises(ModelError, match=said):
            check_onnx(saved(tmp_path / "m.onnx", made))
    with pytest.raises(ModelError, match=r"operators of 'other\.example'"):
        check_onnx(saved(tmp_path / "m.onnx", graph(add("x", "x")), "other.example"))


@pytest.mark.parametrize("data", [b"", b"hello", b"\x3a\xff", bytes(100), b"\xff" * 50, b"\x08\x07"])
def test_what_is_no_onnx_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"an ONNX model in m\.onnx"):
        open_backend(path, "cpu")


def test_whole_files_pass_and_run(tmp_path: Path) -> None:
    """Weights as raw bytes, as numbers of their own, packed; a branch that uses what lies outside."""
    numbers = helper.make_tensor("w", FLOAT, [4], [1.0, 2.0, 3.0, 4.0])
    for one in (tensor(), numbers):
        opened = open_backend(saved(tmp_path / "m.onnx", graph(add(), tensors=(one,))), "cpu")
        got = opened.run({"x": np.zeros(4, np.float32)})["y"]
        assert np.array_equal(got, numpy_helper.to_array(one))
    body = branch(helper.make_node("Identity", ["x"], ["r"]))
    constant = numpy_helper.from_array(np.array(True), "c")
    with_branch = graph(
        helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body), tensors=(constant,)
    )
    opened = open_backend(saved(tmp_path / "m.onnx", with_branch), "cpu")
    assert opened.run({"x": np.ones(3, np.float32)})["y"].tolist() == [1, 1, 1]


def test_every_bundled_network_would_pass() -> None:
    paths = sorted(bundled_models().glob("*.onnx"))
    assert paths
    for path in paths:
        check_onnx(path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_or_pass_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    made = saved(
        tmp_path_factory.mktemp("m") / "m.onnx", graph(add(out="t"), inside(2), tensors=(tensor(), SHAPE))
    )
    whole = bytearray(made.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    made.write_bytes(whole[: data.draw(st.integers(1, len(whole)))])
    with suppress(ModelError):
        check_onnx(made)
