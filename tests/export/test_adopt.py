"""Foreign ONNX files: what is theirs is taken, whatever its names; what is not is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.adopt import adopt
from export.errors import (
    ExternalDataError,
    GraphError,
    NotFiniteError,
    UnreadableCheckpointError,
)
from lipsync_edge.errors import ModelError


def _tiny_wav2lip(mel: str = "a", face: str = "b", batch: int | str = "n") -> onnx.ModelProto:
    """A graph with Wav2Lip's shapes that paints the reference face brighter with the mel's mean."""
    shapes = {mel: [batch, 1, 80, 16], face: [batch, 6, 96, 96]}
    weight = np.zeros((3, 6, 1, 1), np.float32)
    weight[[0, 1, 2], [3, 4, 5]] = 0.5
    graph = helper.make_graph(
        [
            helper.make_node("Conv", [face, "w"], ["y"]),
            helper.make_node("ReduceMean", [mel], ["m"], axes=[1, 2, 3], keepdims=1),
            helper.make_node("Sigmoid", ["m"], ["s"]),
            helper.make_node("Mul", ["y", "s"], ["out"]),
        ],
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, 3, 96, 96])],
        [numpy_helper.from_array(weight, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize("names", [("mel_spectrogram", "video_frames"), ("1", "0"), ("face", "mel")])
@pytest.mark.parametrize("batch", ["n", 1])
def test_adopt(tmp_path: Path, names: tuple[str, str], batch: int | str) -> None:
    """Whatever the inputs are called, even the wrong way round, and with a fixed batch."""
    from lipsync_edge.models.network import load_network

    onnx.save(_tiny_wav2lip(*names, batch), str(tmp_path / "theirs.onnx"))
    adopt(tmp_path / "theirs.onnx", "wav2lip", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        "wav2lip.fp32.onnx",
        "wav2lip.toml",
    ]
    rng = np.random.default_rng(0)
    face = rng.integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    mel = rng.uniform(-4, 4, (2, 80, 16)).astype(np.float32)
    got = load_network("wav2lip", models=tmp_path / "out", device="cpu")(face=face, mel=mel)["image"]
    want = face / 255 * 0.5 / (1 + np.exp(-mel.mean((1, 2))))[:, None, None, None]
    assert np.abs(got - want).max() < 1e-5


def test_adopt_the_real_network(plain: Path, tmp_path: Path) -> None:
    """A plain export of our own, as people circulate it, gives the same file as `convert`."""
    from lipsync_edge.models.network import load_network
    from tests.golden.checkpoints import golden, plain_inputs

    adopt(plain / "wav2lip.fp32.onnx", "wav2lip", tmp_path / "out")
    inputs = plain_inputs("wav2lip")
    face = np.round(inputs["face"][:, 3:].transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    network = load_network("wav2lip", models=tmp_path / "out", device="cpu")
    got = network(face=face, mel=inputs["mel"][:, 0])["image"]
    assert got.shape == golden("wav2lip")["out"].transpose(0, 2, 3, 1).shape


def _refused(path: Path, tmp_path: Path, kind: type[ModelError]) -> str:
    with pytest.raises(kind) as caught:
        adopt(path, "wav2lip", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    return str(caught.value)


@pytest.mark.parametrize("where", ["../secret.bin", "/etc/hostname", "missing.bin", ""])
def test_external_data_outside(tmp_path: Path, where: str) -> None:
    """Weights in a file elsewhere are not read, wherever it is."""
    (tmp_path / "secret.bin").write_bytes(bytes(72))
    folder = tmp_path / "model"
    folder.mkdir()
    model = _tiny_wav2lip()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=where)
    (folder / "x.onnx").write_bytes(model.SerializeToString())
    _refused(folder / "x.onnx", tmp_path, ExternalDataError)


def test_external_data_beside(tmp_path: Path) -> None:
    """Weights in the model's own folder are taken in: one file comes out."""
    onnx.save(
        _tiny_wav2lip(),
        str(tmp_path / "x.onnx"),
        save_as_external_data=True,
        location="x.data",
        size_threshold=0,
    )
    assert (tmp_path / "x.data").stat().st_size >= 72
    adopt(tmp_path / "x.onnx", "wav2lip", tmp_path / "out")
    model = onnx.load(str(tmp_path / "out" / "wav2lip.fp32.onnx"), load_external_data=False)
    assert all(tensor.data_location == TensorProto.DEFAULT for tensor in model.graph.initializer)


def test_adopt_refuses_strangers(tmp_path: Path) -> None:
    """Other shapes, no ONNX, a truncated file, NaN weights."""
    model = _tiny_wav2lip()
    model.graph.input[1].type.tensor_type.shape.dim[2].dim_value = 128
    onnx.save(model, str(tmp_path / "x.onnx"))
    assert "128" in _refused(tmp_path / "x.onnx", tmp_path, GraphError)
    raw = io.BytesIO()
    onnx.save(_tiny_wav2lip(), raw)
    for content in (b"", b"hello", raw.getvalue()[:200]):
        (tmp_path / "x.onnx").write_bytes(content)
        _refused(tmp_path / "x.onnx", tmp_path, UnreadableCheckpointError)
    model = _tiny_wav2lip()
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.full((3, 6, 1, 1), np.nan, np.float32), "w")
    )
    onnx.save(model, str(tmp_path / "x.onnx"))
    _refused(tmp_path / "x.onnx", tmp_path, NotFiniteError)
