"""Checkpoints and ONNX files that must not be converted: each its own error, nothing executed, nothing left behind."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from export import checkpoint
from export.__main__ import main
from export.errors import (
    BombError,
    NotFiniteError,
    UnreadableCheckpointError,
    UnsafeCheckpointError,
    WrongNetworkError,
)
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


# the end of an archive on several disks
_SPANNING = b"PK\x06\x07" + struct.pack("<LQL", 0, 0, 2) + b"PK\x05\x06" + bytes(18)


@pytest.mark.parametrize(
    "content", [b"hello", b"PK\x03\x04", b"\x80\x02}q\x00.", bytes(1000), b"PK\x03\x04" + _SPANNING]
)
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
