"""ncnn files as a state dict: both weight layouts, padding, and files that are cut off or of another network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export import ncnn
from export.__main__ import main
from export.errors import UnreadableCheckpointError, WrongNetworkError
from tests.golden.checkpoints import make_state

Pair = tuple[Path, Path]


def write_pair(folder: Path, state: dict[str, np.ndarray], flag: int) -> Pair:
    """Write the two files as ncnn's own converter lays them out."""
    lines, raw = [], b""
    for key in (k for k in state if k.endswith(".weight")):
        weight, bias = state[key], state[key.replace(".weight", ".bias")]
        lines.append(
            f"Convolution c{len(lines)} 1 1 a b 0={weight.shape[0]} 1=3 4=1 5=1 6={weight.size} 9=2 -23310=1,2.0e-01"
        )
        data = weight.astype("<f2" if flag == ncnn.FLOAT16 else "<f4").tobytes()
        raw += flag.to_bytes(4, "little") + data + bytes(-len(data) % 4) + bias.astype("<f4").tobytes()
    (folder / "x.param").write_text(
        f"7767517\n{len(lines) + 1} 9\nInput data 0 1 data\n" + "\n".join(lines) + "\n"
    )
    (folder / "x.bin").write_bytes(raw)
    return folder / "x.bin", folder / "x.param"


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    """RRDBNet's numbers."""
    return make_state("rrdbnet")


@pytest.mark.parametrize(("flag", "kind"), [(ncnn.FLOAT32, np.float32), (ncnn.FLOAT16, np.float16)])
def test_both_layouts(tmp_path: Path, state: dict[str, np.ndarray], flag: int, kind: type) -> None:
    """Names, order and numbers come back; float16 as far as it goes."""
    got = ncnn.read_rrdbnet(*write_pair(tmp_path, state, flag))
    assert list(got) == list(state)
    for key, want in state.items():
        rounded = want.astype(kind).astype(np.float32) if key.endswith(".weight") else want
        assert np.array_equal(got[key].numpy(), rounded), key


def test_convert(tmp_path: Path, state: dict[str, np.ndarray]) -> None:
    """The command, end to end."""
    pair = write_pair(tmp_path, state, ncnn.FLOAT16)
    assert (
        main(["convert", "rrdbnet", str(pair[0]), "--param", str(pair[1]), "-o", str(tmp_path / "out")]) == 0
    )
    assert (tmp_path / "out" / "rrdbnet.fp32.onnx").is_file()
    assert (
        main(["convert", "s3fd", str(pair[0]), "--param", str(pair[1]), "-o", str(tmp_path / "other")]) == 2
    )


def test_damaged(tmp_path: Path, state: dict[str, np.ndarray]) -> None:
    """Cut off, too long, another flag, another network, no .param at all."""
    weights, param = write_pair(tmp_path, state, ncnn.FLOAT16)
    whole = weights.read_bytes()
    for content in (b"", whole[:1000], whole[:-1], whole + b"\0\0\0\0", b"\1\2\3\4" + whole[4:]):
        weights.write_bytes(content)
        with pytest.raises(UnreadableCheckpointError):
            ncnn.read_rrdbnet(weights, param)
    text = param.read_text()
    param.write_text("\n".join(text.splitlines()[:-1]))
    with pytest.raises(WrongNetworkError):
        ncnn.read_rrdbnet(weights, param)
    param.write_text(text.replace("6=", "6=x"))
    with pytest.raises(UnreadableCheckpointError):
        ncnn.read_rrdbnet(weights, param)
    param.write_text("hello")
    with pytest.raises(UnreadableCheckpointError):
        ncnn.read_rrdbnet(weights, param)
    with pytest.raises(UnreadableCheckpointError):
        ncnn.read_rrdbnet(weights, tmp_path / "none.param")
