"""Checkpoints and ONNX files that must not be converted: each its own error, nothing executed, nothing left behind."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from export import checkpoint
from export.__main__ import main
from export.adopt import adopt
from export.errors import (
    BombError,
    ExternalDataError,
    GraphError,
    NotFiniteError,
    UnreadableCheckpointError,
    UnsafeCheckpointError,
    WrongNetworkError,
)
from lipsync_edge.errors import ModelError
from tests.golden.checkpoints import make_state, write_checkpoint


class Touch:
    """A pickle that would create a file when it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        """Ask for a call that no checkpoint needs."""
        return (open, (self.path, "w"))


@pytest.fixture
def small() -> dict[str, np.ndarray]:
    """The sync network's smaller cousin: few enough bytes to damage in many ways."""
    return make_state("s3fd")


def _convert(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str = "s3fd") -> str:
    """Run the command, which must fail with exit code 4, one line, and an untouched folder."""
    out = tmp_path / "out"
    before = sorted(p.name for p in tmp_path.iterdir())
    assert main(["convert", name, str(path), "-o", str(out)]) == 4
    assert not out.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    return text


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.999])
def test_truncated(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], part: float
) -> None:
    """Cut off anywhere."""
    raw = checkpoints["s3fd"].read_bytes()
    path = tmp_path / "cut.pth"
    path.write_bytes(raw[: int(part * len(raw))])
    with pytest.raises(UnreadableCheckpointError):
        checkpoint.read_checkpoint(path)
    assert "cut.pth" in _convert(path, tmp_path, capsys)


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04", b"\x80\x02}q\x00.", bytes(1000)])
def test_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    """Text, a zip's first bytes, an empty dictionary, zeros."""
    path = tmp_path / "odd.pth"
    path.write_bytes(content)
    with pytest.raises(UnreadableCheckpointError):
        checkpoint.read_checkpoint(path)


def test_missing(tmp_path: Path) -> None:
    """No file at all, and a folder."""
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(UnreadableCheckpointError):
            checkpoint.read_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_malicious_pickle(tmp_path: Path, capsys: pytest.CaptureFixture[str], zipped: bool) -> None:
    """Both of torch's formats; the message names what was asked for, and it did not happen."""
    trap = tmp_path / "executed"
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": Touch(str(trap))}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeCheckpointError, match="open"):
        checkpoint.read_checkpoint(path)
    assert "not executed" in _convert(path, tmp_path, capsys)
    assert not trap.exists()


def test_bare_malicious_pickle(tmp_path: Path) -> None:
    """A pickle that torch.save never wrote."""
    trap = tmp_path / "executed"
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"state_dict": Touch(str(trap))}))
    with pytest.raises((UnsafeCheckpointError, UnreadableCheckpointError)):
        checkpoint.read_checkpoint(path)
    assert not trap.exists()


def test_zip_bomb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A few kilobytes that say they are a hundred megabytes of zeros."""
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("archive/data/0", bytes(100 << 20))
    with pytest.raises(BombError):
        checkpoint.read_checkpoint(path)
    assert "unpack" in _convert(path, tmp_path, capsys)


def test_wrong_network(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The four are often confused: the message says which one it is and what to type."""
    text = _convert(checkpoints["wav2lip"], tmp_path, capsys, "s3fd")
    assert "a wav2lip checkpoint" in text
    assert "convert wav2lip" in text


def test_diff_is_readable(tmp_path: Path, small: dict[str, np.ndarray]) -> None:
    """A missing key, an extra key and a reshaped tensor are named."""
    small["extra.weight"] = small.pop("fc7.bias")
    small["conv1_1.weight"] = small["conv1_1.weight"][:, :2]
    state = checkpoint.read_checkpoint(write_checkpoint("s3fd", tmp_path / "x.pth", state=small))
    with pytest.raises(WrongNetworkError) as caught:
        checkpoint.build("s3fd", state, "x.pth")
    for part in (
        "conv1_1.weight is (64, 2, 3, 3), not (64, 3, 3, 3)",
        "missing fc7.bias",
        "unexpected extra.weight",
    ):
        assert part in str(caught.value)
    assert checkpoint.recognise(state) is None


def test_auto_refuses_strangers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`convert auto` on a state dict of something else."""
    torch.save({"a.weight": torch.zeros(3)}, tmp_path / "x.pth")
    assert "a.weight" in _convert(tmp_path / "x.pth", tmp_path, capsys, "auto")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], small: dict[str, np.ndarray], bad: float
) -> None:
    """One NaN or infinity is enough."""
    small["fc7.bias"][7] = bad
    text = _convert(write_checkpoint("s3fd", tmp_path / "x.pth", state=small), tmp_path, capsys)
    assert "fc7.bias" in text
    state = checkpoint.read_checkpoint(tmp_path / "x.pth")
    with pytest.raises(NotFiniteError):
        checkpoint.build("s3fd", state, "x")


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("container", [None, "state_dict", "params", "params_ema"])
def test_every_container(
    tmp_path: Path, container: str | None, prefix: str, small: dict[str, np.ndarray]
) -> None:
    """Bare or wrapped, from one GPU or several: the same state."""
    path = write_checkpoint("s3fd", tmp_path / "x.pth", prefix=prefix, container=container, state=small)
    assert checkpoint.recognise(checkpoint.read_checkpoint(path)) == "s3fd"


def test_legacy_format(tmp_path: Path, small: dict[str, np.ndarray]) -> None:
    """The published s3fd.pth is older than torch's zip format."""
    tensors = {key: torch.from_numpy(value) for key, value in small.items()}
    torch.save(tensors, tmp_path / "x.pth", _use_new_zipfile_serialization=False)
    assert checkpoint.recognise(checkpoint.read_checkpoint(tmp_path / "x.pth")) == "s3fd"


def test_training_checkpoint(tmp_path: Path, small: dict[str, np.ndarray]) -> None:
    """Wav2Lip's files carry optimizer state and counters beside the weights."""
    tensors = {key: torch.from_numpy(value) for key, value in small.items()}
    torch.save({"state_dict": tensors, "optimizer": {"lr": 1e-4}, "global_step": 7}, tmp_path / "x.pth")
    assert checkpoint.recognise(checkpoint.read_checkpoint(tmp_path / "x.pth")) == "s3fd"


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
