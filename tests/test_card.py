"""Cards: parsing, what is refused, what the digest depends on."""

from dataclasses import replace
from pathlib import Path

import pytest

from lipsync_edge.errors import ModelError
from lipsync_edge.models.spec import SPECS, AudioWindow, SegmentClasses, load_spec, parse_spec

TEXT = """
name = "mine"
role = "lips"
kind = "warp"
crop = "aligned"
[[inputs]]
name = "face"
dtype = "uint8"
axes = ["batch", 128, 128, 3]
[[outputs]]
name = "mask"
dtype = "float32"
axes = ["batch", 1, 128, 128]
[audio]
columns = 24
offset = -12
tail = "pad"
"""


def write(folder: Path, text: str) -> Path:
    (folder / "mine.toml").write_text(text, "utf-8")
    return folder


def test_a_users_card_is_read(tmp_path: Path) -> None:
    spec = load_spec("mine", write(tmp_path, TEXT))
    assert spec.inputs[0].axes == ("batch", 128, 128, 3)
    assert spec.audio == AudioWindow(24, -12, "pad")
    assert spec.side("face") == 128
    assert spec.audio.lookahead_ms == pytest.approx(162.5)


def test_wav2lips_window_looks_ahead_as_far_as_the_design_says() -> None:
    assert AudioWindow().lookahead_ms == pytest.approx(212.5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('role = "lips"', 'role = "hat"'),
        ('dtype = "uint8"', 'colour = "red"'),
        ("[audio]", "[audio"),
        ("[[inputs]]", "[[x]]"),
    ],
)
def test_a_wrong_card_is_a_model_error_that_names_the_file(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(ModelError, match=r"mine\.toml"):
        load_spec("mine", write(tmp_path, TEXT.replace(old, new)))


def test_an_unknown_card_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match="known cards"):
        load_spec("no-such-card")


def test_the_digest_follows_what_the_graph_eats_and_nothing_else(tmp_path: Path) -> None:
    spec = load_spec("mine", write(tmp_path, TEXT))
    assert spec.digest() == replace(spec, origin="elsewhere", notes="x", atol=1.0).digest()
    assert spec.digest() != replace(spec, audio=AudioWindow(24, 0, "pad")).digest()
    assert spec.digest() != replace(spec, kind="image").digest()


def test_paste_classes_may_be_named() -> None:
    table = {
        "name": "s",
        "role": "segment",
        "inputs": [],
        "outputs": [],
        "segment": {"classes": ["rest", "skin", "lips"], "paste": ["lips", 1]},
    }
    assert parse_spec(table).segment == SegmentClasses(("rest", "skin", "lips"), (2, 1))


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_card_is_valid_and_says_where_it_comes_from(path: Path) -> None:
    spec = load_spec(path.stem)
    assert spec.name == path.stem
    assert spec.origin
    assert spec.licence
