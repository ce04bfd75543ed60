"""Smaller files: gates, mixed precision, saturation, manifest, and the ladder of `validate`."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from export import measure, qdq
from export.errors import GateError
from export.quantize import quantize_folder
from export.samples import made_up_scene
from export.validate import validate_folder
from lipsync_edge.errors import InputError, ManifestError, UsageError
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.network import load_network
from lipsync_edge.models.registry import bundled_models, read_manifest
from lipsync_edge.models.spec import SPECS

NAME = "edge_segment"


def _bundle(folder: Path, least: float | None = None) -> Path:
    """Copy the smallest bundled network, with a gate of its own."""
    folder.mkdir(exist_ok=True)
    shutil.copy(bundled_models() / f"{NAME}.fp32.onnx", folder)
    if least is not None:
        spec = (SPECS / f"{NAME}.toml").read_text("utf-8")
        (folder / f"{NAME}.toml").write_text(
            spec.split("[gate]")[0] + f'[gate]\nmetric = "miou"\nfp16 = 0.9\nint8 = {least}\n'
        )
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one bundled network in every precision, calibrated on made-up faces."""
    folder = _bundle(tmp_path_factory.mktemp("small"), 0.9)
    list(quantize_folder(folder, samples=12, precisions=("int8", "fp16", "dynamic")))
    return folder


@pytest.fixture(scope="module")
def lips(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Wav2Lip as int8."""
    folder = tmp_path_factory.mktemp("lips")
    os.link(converted / "wav2lip.fp32.onnx", folder / "wav2lip.fp32.onnx")
    list(quantize_folder(folder, samples=6, precisions=("int8",)))
    return folder


def test_lips_int8(lips: Path) -> None:
    """Wav2Lip: at least 36 dB on both runtimes, under a third of the size, no transposed convolution left."""
    entry = read_manifest(lips)["wav2lip.int8.onnx"]
    assert entry["error"]["psnr"] >= 36
    assert all(facts["psnr"] >= 36 and facts["ms"] > 0 for facts in entry["measured"].values())
    assert entry["bytes"] < (lips / "wav2lip.fp32.onnx").stat().st_size / 3
    ops = [node.op_type for node in onnx.load(str(lips / "wav2lip.int8.onnx")).graph.node]
    assert "ConvTranspose" not in ops
    rng = np.random.default_rng(0)
    face = rng.integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    mel = rng.uniform(-4, 4, (3, 80, 16)).astype(np.float32)
    images = [
        load_network("wav2lip", models=lips, device="cpu", precision=p)(face=face, mel=mel)["image"]
        for p in ("fp32", "int8")
    ]
    assert 30 < measure.psnr(*images) < 80


def test_every_precision(small: Path) -> None:
    """Each loads through the runtime's checks, is smaller, and says what it was made from."""
    files = read_manifest(small)
    assert set(files) == {f"{NAME}.{kind}.onnx" for kind in ("fp32", "int8", "fp16", "dynamic")}
    face = made_up_scene(0).frame_bgr[:128, :128][None]
    want = load_network(NAME, models=small, device="cpu", precision="fp32")(face=face)["regions"]
    for kind in ("int8", "fp16"):
        got = load_network(NAME, models=small, device="cpu", precision=kind)(face=face)["regions"]
        assert np.abs(got - want).mean() < 0.05
        assert not np.array_equal(got, want)
        assert files[f"{NAME}.{kind}.onnx"]["made_from"] == files[f"{NAME}.fp32.onnx"]["sha256"]
    assert files[f"{NAME}.int8.onnx"]["bytes"] < files[f"{NAME}.fp32.onnx"]["bytes"] / 2
    assert all("macs" in entry and "parameters" in entry and entry["tools"] for entry in files.values())
    assert str(small.parent) not in json.dumps(files)


def test_unchanged_files_stay(small: Path) -> None:
    """A second call makes nothing anew; another gate does."""
    before = (small / f"{NAME}.int8.onnx").stat().st_mtime_ns
    assert list(quantize_folder(small, samples=12, precisions=("int8",))) == [f"{NAME}.int8: unchanged"]
    assert (small / f"{NAME}.int8.onnx").stat().st_mtime_ns == before


def test_mixed_precision(tmp_path: Path) -> None:
    """A gate that plain int8 misses is met with some nodes in float, and the manifest says which and why."""
    plain = _bundle(tmp_path / "plain", 0.0)
    list(quantize_folder(plain, samples=12, precisions=("int8",)))
    reached = read_manifest(plain)[f"{NAME}.int8.onnx"]["error"]["miou"]
    strict = _bundle(tmp_path / "strict", (1 + reached) / 2)
    list(quantize_folder(strict, samples=12, precisions=("int8",)))
    entry = read_manifest(strict)[f"{NAME}.int8.onnx"]
    assert entry["error"]["miou"] >= (1 + reached) / 2 > reached
    assert entry["kept_float"]
    assert set(entry["kept_float"]) < {node for row in entry["sensitivity"] for node in row["nodes"]}


def test_gate_that_cannot_be_met(tmp_path: Path) -> None:
    """No file is handed over, and none is left half-made."""
    folder = _bundle(tmp_path / "x", 1.01)
    with pytest.raises(GateError, match="miou"):
        list(quantize_folder(folder, samples=4, precisions=("int8",)))
    assert sorted(p.name for p in folder.iterdir()) == [f"{NAME}.fp32.onnx", f"{NAME}.toml", "manifest.json"]
    assert set(read_manifest(folder)) == {f"{NAME}.fp32.onnx"}


def test_bad_folders(tmp_path: Path, plain: Path) -> None:
    """Nothing to do, an unknown name, plain models, a calibration folder without pictures."""
    with pytest.raises(InputError):
        list(quantize_folder(tmp_path))
    _bundle(tmp_path / "x")
    with pytest.raises(InputError, match="nobody"):
        list(quantize_folder(tmp_path / "x", only=["nobody"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="videos or pictures"):
        list(quantize_folder(tmp_path / "x", calibrate=[tmp_path / "empty"]))
    with pytest.raises(UsageError, match="plain"):
        list(quantize_folder(plain, only=["wav2lip"], precisions=("int8",), samples=2))


def test_seven_bits_cannot_saturate(small: Path, lips: Path) -> None:
    """Every pair of products fits 16 bits: 255·64·2 < 2¹⁵, which 255·127·2 is not."""
    for path in (
        small / f"{NAME}.int8.onnx",
        lips / "wav2lip.int8.onnx",
        *bundled_models().glob("*.int8.onnx"),
    ):
        model = onnx.load(str(path))
        kinds = {t.name: t.data_type for t in model.graph.initializer}
        shifts = [n.input[2] for n in model.graph.node if n.op_type == "QuantizeLinear"]
        assert {kinds[name] for name in shifts} == {TensorProto.UINT8}, path.name
        assert 0 < 255 * qdq.largest_weight(model) * 2 < 2**15, path.name


RUN = (
    "import sys, numpy, onnxruntime as o; p, x, y = sys.argv[1:]; s = o.InferenceSession(p); "
    "numpy.save(y, s.run(None, {'face': numpy.load(x)})[0])"
)


@pytest.mark.skipif(
    not shutil.which("qemu-x86_64") or platform.machine() != "x86_64", reason="needs qemu-user"
)
def test_cpu_without_vnni(small: Path, tmp_path: Path) -> None:
    """On an emulated Haswell (AVX2, no VNNI) the int8 file gives the same bits as here."""
    face = made_up_scene(3).frame_bgr[:128, :128][None]
    np.save(tmp_path / "x.npy", face)
    path = small / f"{NAME}.int8.onnx"
    command = ["qemu-x86_64", "-cpu", "Haswell", sys.executable, "-c", RUN, str(path), "x.npy", "y.npy"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True, timeout=120)
    here = open_backend(path, "cpu").run({"face": face})["regions"]
    assert np.abs(np.load(tmp_path / "y.npy") - here).max() < 1e-6


def test_validate(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file on every runtime."""
    from export.__main__ import main

    assert main(["validate", str(small), "--samples", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("on cpu" in line for line in lines) == 4
    assert all("miou" in line for line in lines)


def test_validate_refuses_changed_files(small: Path, tmp_path: Path) -> None:
    """One byte more, or another card, and nothing is run."""
    folder = tmp_path / "x"
    shutil.copytree(small, folder)
    with (folder / f"{NAME}.int8.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ManifestError, match="sha256"):
        list(validate_folder(folder, samples=2))
    with pytest.raises(ManifestError, match="sha256"):
        load_network(NAME, models=folder, precision="int8")
