"""The registry: model files are found, listed, told of and verified."""

import json
import shutil
from pathlib import Path

import pytest

from lipsync_edge.errors import ManifestError, ModelError
from lipsync_edge.models.preset import load_preset
from lipsync_edge.models.registry import (
    bundled_models,
    find_model,
    list_models,
    model_info,
    read_manifest,
    split_name,
    verify_models,
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with one of the bundled networks, and its part of the manifest."""
    name = "edge_enhance.int8.onnx"
    shutil.copy(bundled_models() / name, tmp_path)
    files = {name: read_manifest(bundled_models())[name]}
    (tmp_path / "manifest.json").write_text(json.dumps({"files": files}), "utf-8")
    return tmp_path


def test_every_bundled_file_is_what_its_manifest_and_its_card_say() -> None:
    assert set(verify_models()) == set(read_manifest(bundled_models()))


@pytest.mark.parametrize(("device", "first"), [("auto", "int8"), ("cpu", "int8"), ("cuda", "fp32")])
def test_auto_takes_the_precision_that_a_device_is_fastest_with(device: str, first: str) -> None:
    assert split_name(find_model("edge_lips", models=None, device=device)) == ("edge_lips", first)


def test_the_users_files_go_first(own: Path) -> None:
    assert find_model("edge_enhance", models=own).parent == own
    assert find_model("edge_lips", models=own).parent == bundled_models()
    assert list_models(own)[0].folder == own
    assert [one.name for one in list_models(own)][0] == "edge_enhance"


def test_a_name_may_have_dots() -> None:
    assert split_name(Path("x/syncnet_v2.audio.fp32.onnx")) == ("syncnet_v2.audio", "fp32")


def test_what_is_not_there_says_where_it_was_looked_for(own: Path) -> None:
    with pytest.raises(ModelError, match=r"wav2lip\.fp16\.onnx.*no such file in .* or ") as raised:
        find_model("wav2lip", models=own, precision="fp16")
    assert str(own) in str(raised.value)
    with pytest.raises(ModelError, match="a folder of models"):
        list_models(own / "none")


def test_info_joins_the_card_and_what_was_measured(own: Path) -> None:
    found = model_info("edge_enhance", own)
    assert found["card"]["role"] == "enhance"
    assert set(found["files"]) == {"edge_enhance.fp32.onnx", "edge_enhance.int8.onnx"}


def test_a_file_that_changed_is_told(own: Path) -> None:
    path = own / "edge_enhance.int8.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ManifestError, match=r"sha256 .* for edge_enhance\.int8\.onnx"):
        verify_models(own)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": []}'])
def test_a_broken_manifest_is_told(own: Path, text: str) -> None:
    (own / "manifest.json").write_text(text, "utf-8")
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        verify_models(own)


def test_every_preset_names_cards_of_the_roles_it_gives_them() -> None:
    from lipsync_edge.models.preset import preset_names
    from lipsync_edge.models.spec import load_spec

    for preset in map(load_preset, preset_names()):
        stages = {
            "detect": preset.detect,
            "identity": preset.identity,
            "lips": preset.lips,
            "segment": preset.segment,
            "enhance": preset.enhance,
        }
        for role, name in stages.items():
            assert not name or load_spec(name).role == role
