"""Loading and calling networks: shapes, manifests, devices, precisions."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from lipsync_edge.errors import DeviceError, ManifestError, ModelError, UsageError
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.devices import find_device
from lipsync_edge.models.network import Network, load_network
from lipsync_edge.models.spec import load_spec
from tests import fakes

onnx = pytest.importorskip("onnx")

CARD = """
name = "adder"
role = "enhance"
[[inputs]]
name = "image"
dtype = "float32"
axes = ["batch", "height", "width", 3]
[[outputs]]
name = "image_out"
dtype = "float32"
axes = ["batch", "height", "width", 3]
"""


def write_adder(path: Path, *, output: str = "image_out", amount: float = 1.0) -> None:
    axes = ["batch", "height", "width", 3]
    make = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["image", "one"], [output])],
        "adder",
        [make("image", onnx.TensorProto.FLOAT, axes)],
        [make(output, onnx.TensorProto.FLOAT, axes)],
        [onnx.numpy_helper.from_array(np.float32([amount]), "one")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "adder.toml").write_text(CARD)
    files = {}
    for precision, amount in (("fp32", 1.0), ("int8", 2.0)):
        path = tmp_path / f"adder.{precision}.onnx"
        write_adder(path, amount=amount)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        files[path.name] = {"sha256": sha256, "card_digest": load_spec("adder", tmp_path).digest()}
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "files": files}))
    return tmp_path


@pytest.fixture(params=["cpu", "openvino"])
def device(request: pytest.FixtureRequest) -> str:
    pytest.importorskip("onnxruntime" if request.param == "cpu" else "openvino")
    return str(request.param)


def test_every_backend_computes_at_every_size(models: Path, device: str) -> None:
    network = load_network("adder", models=models, device=device, precision="fp32", threads=1)
    for shape in ((1, 1, 1, 3), (2, 5, 7, 3), (1, 64, 33, 3)):
        x = np.random.default_rng(0).random(shape, np.float32)
        assert np.allclose(network(image=x)["image_out"], x + 1, atol=1e-6)
    assert network.device.startswith(device)


def test_results_do_not_change_when_the_next_call_is_made(models: Path, device: str) -> None:
    network = load_network("adder", models=models, device=device, precision="fp32")
    first = network(image=np.zeros((1, 2, 2, 3), np.float32))["image_out"]
    network(image=np.ones((1, 2, 2, 3), np.float32))
    assert (first == 1).all()


def test_auto_precision_takes_the_small_file_on_a_cpu(models: Path) -> None:
    assert load_network("adder", models=models, device="cpu").precision == "int8"
    assert load_network("adder", models=models, device="cpu", precision="fp32").precision == "fp32"


@pytest.mark.parametrize(
    "feeds",
    [
        {},
        {"image": np.zeros((1, 4, 4, 3))},
        {"image": np.zeros((4, 4, 3), np.float32)},
        {"image": np.zeros((1, 4, 4, 1), np.float32)},
    ],
)
def test_a_wrong_array_is_named(models: Path, feeds: dict[str, np.ndarray]) -> None:
    network = load_network("adder", models=models, device="cpu", precision="fp32")
    with pytest.raises(ValueError, match=r"adder: input '?image"):
        network(**feeds)


def test_a_changed_file_or_card_is_refused(models: Path) -> None:
    write_adder(models / "adder.fp32.onnx", amount=3.0)
    with pytest.raises(ManifestError, match="sha256"):
        load_network("adder", models=models, device="cpu", precision="fp32")
    (models / "adder.toml").write_text(CARD + '\n[normalise]\norder = "rgb"\n')
    with pytest.raises(ManifestError, match="card digest"):
        load_network("adder", models=models, device="cpu", precision="int8")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": {}}', '{"files": {"adder.fp32.onnx": 3}}'])
def test_a_broken_manifest_is_refused(models: Path, text: str) -> None:
    (models / "manifest.json").write_text(text)
    with pytest.raises(ManifestError):
        load_network("adder", models=models, device="cpu", precision="fp32")


def test_a_graph_with_other_names_than_its_card_is_refused(models: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    write_adder(other, output="something")
    with pytest.raises(ModelError, match="something"):
        Network(load_spec("adder", models), open_backend(other, "cpu"))


def test_missing_models_and_unknown_words_are_explained(models: Path) -> None:
    with pytest.raises(ModelError, match=r"adder\.fp16\.onnx"):
        load_network("adder", models=models, precision="fp16")
    with pytest.raises(UsageError, match="precision"):
        load_network("adder", models=models, precision="int3")
    with pytest.raises(UsageError, match="device"):
        load_network("adder", models=models, device="abacus")
    with pytest.raises(UsageError, match="thread"):
        load_network("adder", models=models, threads=0)


def test_bytes_that_are_no_model_are_a_model_error(tmp_path: Path, device: str) -> None:
    path = tmp_path / "junk.onnx"
    path.write_bytes(b"not an onnx file" * 100)
    with pytest.raises(ModelError) as caught:
        open_backend(path, device)
    assert "\n" not in str(caught.value)


def test_a_device_asked_for_by_name_never_falls_back(models: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this machine's ONNX Runtime has CUDA")
    with pytest.raises(DeviceError, match="gpu"):
        load_network("adder", models=models, device="cuda", precision="fp32")


def test_the_fake_networks_of_the_other_tests_keep_their_cards() -> None:
    face = np.zeros((2, 64, 64, 3), np.uint8)
    out = fakes.warp_lips()(face=face, mel=np.zeros((2, 80, 16), np.float32))
    assert {name: array.shape for name, array in out.items()} == {
        "flow": (2, 2, 64, 64),
        "mask": (2, 1, 64, 64),
        "paint": (2, 3, 64, 64),
    }


def test_onnx_runtimes_openvino_plug_in_serves_where_openvino_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lipsync_edge.models import backend, openvino
    from lipsync_edge.models import onnxruntime as ort

    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    monkeypatch.setattr(ort, "offers", lambda device: device.runtime == "openvino")
    assert backend.runtime_of(find_device("openvino:GPU")) is ort.OrtBackend
    monkeypatch.setattr(ort, "offers", lambda device: False)
    assert backend.runtime_of(find_device("openvino:GPU")) is openvino.OpenVinoBackend


def test_an_extra_output_may_be_there_and_may_be_lacking(models: Path, tmp_path: Path) -> None:
    """Neither the file's place in the manifest nor what it gives besides depends on the card's extras."""
    digest = load_spec("adder", models).digest()
    extra = '[[extras]]\nname = "{}"\ndtype = "float32"\naxes = ["batch", 2]\n'
    (models / "adder.toml").write_text(CARD + extra.format("more"))
    assert load_spec("adder", models).digest() == digest
    network = load_network("adder", models=models, device="cpu", precision="fp32")
    assert list(network(image=np.zeros((1, 2, 2, 3), np.float32))) == ["image_out"]
    (models / "adder.toml").write_text(CARD.replace("image_out", "other") + extra.format("image_out"))
    with pytest.raises(ModelError, match="other"):
        Network(load_spec("adder", models), open_backend(models / "adder.fp32.onnx", "cpu"))
