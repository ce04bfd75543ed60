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


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('role = "lips"', 'role = "hat"'),
        ('dtype = "uint8"', 'colour = "red"'),
        ('crop = "aligned"', 'crop = "oblique"'),
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
    assert spec.digest() != replace(spec, audio=AudioWindow(16, -12, "pad")).digest()
    assert spec.digest() != replace(spec, audio=AudioWindow(24, -12, "pad", "mfcc12")).digest()
    assert spec.digest() != replace(spec, kind="image").digest()


def test_facts_of_the_run_may_change_without_a_new_file(tmp_path: Path) -> None:
    lips = load_spec("mine", write(tmp_path, TEXT))
    assert lips.digest() == replace(lips, audio=AudioWindow(24, 0, "last")).digest()
    detect = load_spec("edge_detect")
    assert detect.detect is not None
    assert (
        detect.digest()
        == replace(detect, detect=replace(detect.detect, score_threshold=0.1, nms_iou=0.5)).digest()
    )
    assert detect.digest() != replace(detect, detect=replace(detect.detect, sides=(1.0,) * 4)).digest()
    segment = load_spec("edge_segment")
    assert segment.segment is not None
    assert segment.digest() == replace(segment, segment=replace(segment.segment, paste=(1,))).digest()
    assert (
        segment.digest()
        != replace(segment, segment=replace(segment.segment, classes=("a", "b", "c", "d"))).digest()
    )


def test_the_audio_front_end_is_named_and_mel80_without_a_name(tmp_path: Path) -> None:
    assert load_spec("mine", write(tmp_path, TEXT)).audio == AudioWindow(24, -12, "pad", "mel80")
    other = TEXT.replace("[audio]", '[audio]\nfront_end = "whisper"')
    audio = load_spec("mine", write(tmp_path, other)).audio
    assert audio is not None
    assert audio.front_end == "whisper"


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
