"""The model cards beside the bundled networks say what the manifest, the rows and the words say today."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from export.cards_figures import NOTHING
from export.cards_markdown import RESULTS, ROOT, WORDS, render_cards
from lipsync_edge.toml_reader import read_toml

MODELS = ROOT / "models_onnx"


def test_no_card_is_stale() -> None:
    specs = render_cards(MODELS)
    assert set(specs) == {
        "edge_detect",
        "edge_segment",
        "edge_landmarks",
        "edge_lips",
        "edge_voice",
        "edge_enhance",
        "edge_identity",
    }
    for name, text in specs.items():
        path = MODELS / f"{name}.md"
        assert path.read_text("utf-8") == text, "run python -m export cards models_onnx"


def test_every_bundled_network_has_a_card() -> None:
    names = {path.name.split(".")[0] for path in MODELS.glob("*.onnx")}
    assert names == {path.stem for path in MODELS.glob("*.md")}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Manifest and rows, free to be changed."""
    shutil.copytree(RESULTS, tmp_path / "results")
    (tmp_path / "models").mkdir()
    shutil.copy(MODELS / "manifest.json", tmp_path / "models")
    return tmp_path


def test_a_changed_row_and_a_changed_file_make_a_card_stale(copied: Path) -> None:
    before = render_cards(copied / "models", copied / "results")
    path = copied / "results" / "train_edge_detect.json"
    rows = json.loads(path.read_text())
    rows["clips"][0]["landmark_error"] = 0.987
    path.write_text(json.dumps(rows))
    manifest = json.loads((copied / "models" / "manifest.json").read_text())
    manifest["files"]["edge_segment.fp32.onnx"]["parameters"] = 123_456_789
    (copied / "models" / "manifest.json").write_text(json.dumps(manifest))
    after = render_cards(copied / "models", copied / "results")
    assert f"Worst: landmarks on {rows['clips'][0]['clip']} (98.7%)" in after["edge_detect"]
    assert "123,456,789" in after["edge_segment"]
    assert before["edge_lips"] == after["edge_lips"]


def test_what_was_not_measured_is_said(copied: Path) -> None:
    (copied / "results" / "train_edge_segment.json").unlink()
    assert NOTHING in render_cards(copied / "models", copied / "results")["edge_segment"]


def test_the_words_hold_no_figures() -> None:
    lines = WORDS.read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("commands"))
    for name in ("CC BY 4.0", "CC0", "Apache-2.0", "2006", "T2I"):
        text = text.replace(name, "")
    assert not re.findall(r"\d", text)


def test_every_card_names_consent_disclosure_and_licences() -> None:
    words = read_toml(WORDS)
    for name, text in render_cards(MODELS).items():
        for needed in (
            "consent",
            "tell viewers",
            "CC BY 4.0",
            "MIT",
            "not checked",
            "Apache-2.0",
            "## Limits",
        ):
            assert needed in text, (name, needed)
        assert words[name]["limits"] in text
        assert "nan" not in text.split()
