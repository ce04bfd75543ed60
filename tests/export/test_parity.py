"""Every network, through its ONNX file, on both runtimes, against what the original implementation gave."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from export import checkpoint
from export.convert import jobs, run_torch, write_graph
from export.measure import relative_error
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.network import load_network
from lipsync_edge.models.registry import read_manifest
from tests.golden.checkpoints import NAMES, golden, make_input, plain_inputs, write_checkpoint

LIMIT = 1e-4
DEVICES = ("cpu", "openvino:CPU")


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    """Each runtime in turn."""
    if request.param.startswith("openvino"):
        pytest.importorskip("openvino")
    return str(request.param)


@pytest.mark.parametrize("name", ["wav2lip", "rrdbnet"])
def test_golden_pictures(plain: Path, device: str, name: str) -> None:
    """Wav2Lip and ESRGAN."""
    got = open_backend(plain / f"{name}.fp32.onnx", device).run(plain_inputs(name))
    assert relative_error(got["out"], golden(name)["out"]) <= LIMIT


def test_golden_heads(plain: Path, device: str) -> None:
    """S3FD: all twelve heads."""
    got = open_backend(plain / "s3fd.fp32.onnx", device).run(plain_inputs("s3fd"))
    errors = {name: relative_error(got[name], want) for name, want in golden("s3fd").items()}
    assert list(got) == [f"head{i}" for i in range(12)]
    assert max(errors.values()) <= LIMIT, errors


def test_golden_boxes(converted: Path, device: str) -> None:
    """S3FD through the runtime's own detector: every box the original keeps, to a hundredth of a pixel."""
    from lipsync_edge.face.detector import Detector

    network = load_network("s3fd", models=converted, device=device, precision="fp32")
    image_rgb = make_input("s3fd_image", (120, 144, 3), 0, 255).astype(np.uint8)
    found = Detector(network)([np.ascontiguousarray(image_rgb[..., ::-1])])[0]
    want = golden("s3fd_boxes")["kept"]
    want = want[want[:, 4] > 0.5]
    assert len(found) == len(want) > 0
    order = np.argsort(-want[:, 4])
    assert np.abs(found.xyxy - want[order, :4]).max() <= 1e-4 * np.ptp(want[:, :4])
    assert np.abs(found.score - want[order, 4]).max() <= 1e-4


def test_golden_labels(plain: Path, device: str) -> None:
    """BiSeNet: logits, and the class of every fourth pixel."""
    got = open_backend(plain / "bisenet.fp32.onnx", device).run(plain_inputs("bisenet"))["logits"]
    want = golden("bisenet")
    assert relative_error(got[:, :, ::16, ::16], want["logits_stride16"]) <= LIMIT
    assert (got.argmax(1)[:, ::4, ::4] == want["argmax_stride4"]).mean() >= 0.9999


def test_golden_sync_codes(plain: Path, device: str) -> None:
    """The sync expert and both branches of the metric network."""
    color = open_backend(plain / "syncnet_color.fp32.onnx", device).run(plain_inputs("syncnet_color"))
    assert relative_error(color["audio_code"], golden("syncnet_color")["audio"]) <= LIMIT
    assert relative_error(color["face_code"], golden("syncnet_color")["face"]) <= LIMIT
    inputs = plain_inputs("syncnet_v2")
    for branch, name in (("audio", "mfcc"), ("lip", "lip")):
        got = open_backend(plain / f"syncnet_v2.{branch}.fp32.onnx", device).run({name: inputs[name]})
        assert relative_error(got["code"], golden("syncnet_v2")[branch]) <= LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_another_seed(tmp_path: Path, name: str) -> None:
    """Parity is not a property of one set of numbers: another seed through both runtimes, against torch.

    What the original code gives for it is not stored; the torch port is what the golden vectors hold it to.
    """
    state = checkpoint.read_checkpoint(write_checkpoint(name, tmp_path / "x.pth", seed="another"))
    net = checkpoint.build(name, state, name)
    inputs = plain_inputs(name)
    for job in jobs(name, net, plain=True):
        path = tmp_path / f"{job.stem}.onnx"
        write_graph(job, path)
        feeds = {key: inputs[key] for key in job.inputs}
        want = run_torch(job, feeds)
        for device in DEVICES if find_spec("openvino") else DEVICES[:1]:
            got = open_backend(path, device).run(feeds)
            errors = {key: relative_error(got[key], want[key]) for key in want}
            assert max(errors.values()) <= LIMIT, (device, errors)


def test_normalised_lips_equal_plain(converted: Path, plain: Path) -> None:
    """uint8 BGR in gives what the published float tensors give."""
    rng = np.random.default_rng(0)
    face = rng.integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    mel = rng.uniform(-4, 4, (3, 80, 16)).astype(np.float32)
    got = load_network("wav2lip", models=converted, device="cpu", precision="fp32")(face=face, mel=mel)[
        "image"
    ]
    crop = face.astype(np.float32).transpose(0, 3, 1, 2) / np.float32(255)
    masked = crop.copy()
    masked[:, :, 48:] = 0
    feeds = {"mel": mel[:, None], "face": np.concatenate([masked, crop], 1)}
    want = open_backend(plain / "wav2lip.fp32.onnx", "cpu").run(feeds)["out"]
    assert relative_error(got.transpose(0, 3, 1, 2), want) <= 1e-5


def test_normalised_labels_equal_plain(converted: Path, plain: Path) -> None:
    """ImageNet's mean and deviation, RGB order and argmax are inside the graph."""
    face = np.random.default_rng(1).integers(0, 256, (1, 512, 512, 3), dtype=np.uint8)
    got = load_network("bisenet", models=converted, device="cpu", precision="fp32")(face=face)["labels"]
    rgb = face[..., ::-1].astype(np.float32) / np.float32(255)
    x = (rgb - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    feeds = {"image": np.ascontiguousarray(x.transpose(0, 3, 1, 2))}
    want = open_backend(plain / "bisenet.fp32.onnx", "cpu").run(feeds)["logits"].argmax(1)
    assert got.dtype == np.uint8
    assert (got == want).mean() >= 0.9999


def test_normalised_enhancer_equals_plain(converted: Path, plain: Path) -> None:
    """BGR in 0…1 in and out, clamped; any height and width."""
    image = np.random.default_rng(2).random((1, 10, 13, 3), dtype=np.float32)
    got = load_network("rrdbnet", models=converted, device="cpu", precision="fp32")(image=image)["image_out"]
    feeds = {"image": np.ascontiguousarray(image[..., ::-1].transpose(0, 3, 1, 2))}
    raw = open_backend(plain / "rrdbnet.fp32.onnx", "cpu").run(feeds)["out"]
    want = raw.clip(0, 1).transpose(0, 2, 3, 1)[..., ::-1]
    assert got.shape == (1, 40, 52, 3)
    assert np.abs(got - want).max() <= 1e-5 * np.ptp(raw)


def test_manifest(converted: Path, plain: Path) -> None:
    """What was counted is right, nothing tells where it was made, and plain files are no runtime models."""
    files = read_manifest(converted)
    assert files["wav2lip.fp32.onnx"]["macs"] == pytest.approx(3.97e9, rel=0.01)
    assert files["rrdbnet.fp32.onnx"]["macs"] == pytest.approx(165e9, rel=0.01)
    assert files["rrdbnet.fp32.onnx"]["parameters"] == pytest.approx(16.7e6, rel=0.01)
    assert files["s3fd.fp32.onnx"]["macs"] * 4 == pytest.approx(291e9, rel=0.01)
    assert str(converted.parent) not in (converted / "manifest.json").read_text()
    assert str(Path.cwd()).encode() not in (converted / "wav2lip.fp32.onnx").read_bytes()
    assert {
        entry["card_digest"] for entry in read_manifest(plain).values() if entry["card"] == "wav2lip"
    } == {"plain"}


def test_no_dead_outputs_and_no_norms(converted: Path) -> None:
    """BiSeNet has one head only; every batch norm is folded."""
    import onnx

    for path in converted.glob("*.fp32.onnx"):
        graph = onnx.load(str(path)).graph
        assert not [node for node in graph.node if node.op_type == "BatchNormalization"], path.name
        used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
        assert all(set(node.output) & used for node in graph.node), path.name
    bisenet = onnx.load(str(converted / "bisenet.fp32.onnx")).graph
    assert [value.name for value in bisenet.output] == ["labels"]
    assert sum(node.op_type == "Conv" for node in bisenet.node) == 32
