"""What a benchmark found decides `--device auto`, can be seen, can be turned off, and a broken cache is no cache."""

import json
import sys
from dataclasses import replace
from datetime import date

import pytest

import lipsync_edge as le
from lipsync_edge.errors import DeviceError
from lipsync_edge.machine import this_machine
from lipsync_edge.models import autotune

DAY = date(2026, 1, 31)


def row(preset: str, device: str, precision: str, fps: float, first: float | None = 1.0) -> dict:
    what = {"preset": preset, "asked_device": device, "device": device, "precision": precision}
    return what | {"fps": fps, "first_frame_s": first}


def test_rows_are_kept_by_machine_and_newer_ones_replace_older(autotune_cache):
    assert autotune.recorded("a") == []
    autotune.record("a", [row("lite", "cpu", "int8", 50), row("lite", "cpu", "fp32", 60)], DAY)
    autotune.record("b", [row("lite", "cpu", "int8", 1)], DAY)
    autotune.record("a", [row("lite", "cpu", "fp32", 40)], DAY)
    assert {(one.precision, one.fps, one.when) for one in autotune.recorded("a")} == {
        ("int8", 50, "2026-01-31"),
        ("fp32", 40, "2026-01-31"),
    }
    assert [one.fps for one in autotune.recorded("b")] == [1]
    assert [path.name for path in autotune_cache.parent.iterdir()] == ["bench.json"]


def test_the_fastest_of_the_preset_and_precision_is_taken(autotune_cache):
    key = autotune.this_key()
    autotune.record(
        key,
        [
            row("lite", "cpu", "int8", 50),
            row("lite", "openvino:CPU", "fp32", 60),
            row("hq", "cpu", "int8", 70),
        ],
    )
    assert autotune.fastest("lite").device == "openvino:CPU"
    assert autotune.fastest("lite", "int8").device == "cpu"
    assert autotune.fastest("lite", "fp16") is None
    assert autotune.fastest("wav2lip") is None


def test_of_equally_fast_ones_the_one_that_starts_first_is_taken(autotune_cache):
    key = autotune.this_key()
    rows = [row("lite", "openvino:CPU", "int8", 70, 2.0), row("lite", "cpu", "int8", 65, 0.8)]
    autotune.record(
        key, [*rows, row("lite", "cpu", "fp32", 62, 0.5), row("lite", "openvino:CPU", "fp32", 69, None)]
    )
    assert (autotune.fastest("lite").device, autotune.fastest("lite").precision) == ("cpu", "int8")
    autotune.record(key, [row("lite", "openvino:CPU", "int8", 80, 2.0)])
    assert autotune.fastest("lite").device == "openvino:CPU"


@pytest.mark.parametrize("other", [{"versions": {"onnxruntime": "0.0"}}, {"processor": "another"}])
def test_another_machine_or_other_versions_say_nothing(autotune_cache, other):
    elsewhere = replace(this_machine(), **other)
    autotune.record(elsewhere.key, [row("lite", "cpu", "int8", 50)])
    assert autotune.recorded(elsewhere.key)
    assert autotune.fastest("lite") is None


GOOD = {"preset": "lite", "device": "cpu", "precision": "int8", "fps": 9, "first_frame_s": 1, "when": ""}


@pytest.mark.parametrize("entry", [GOOD, GOOD | {"first_frame_s": None}])
def test_a_whole_entry_is_read(autotune_cache, entry):
    autotune_cache.parent.mkdir()
    autotune_cache.write_text(json.dumps({autotune.this_key(): [entry]}), "utf-8")
    assert autotune.fastest("lite").fps == 9


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"KEY": 3}',
        '{"KEY": [3, null, [], {}]}',
        json.dumps({"KEY": GOOD}),
        *(
            json.dumps({"KEY": [GOOD | change]})
            for change in ({"device": 1}, {"fps": "fast"}, {"fps": True}, {"first_frame_s": "x"}, {"more": 1})
        ),
        json.dumps({"KEY": [{key: value for key, value in GOOD.items() if key != "when"}]}),
        json.dumps({"another machine": [GOOD]}),
    ],
)
def test_a_damaged_or_foreign_cache_is_none_and_is_mended_by_the_next_benchmark(autotune_cache, text):
    key = autotune.this_key()
    autotune_cache.parent.mkdir()
    autotune_cache.write_text(text.replace("KEY", key), "utf-8")
    assert autotune.fastest("lite") is None
    autotune.record(key, [row("lite", "cpu", "int8", 50)])
    assert autotune.fastest("lite").fps == 50


def test_it_can_be_turned_off(autotune_cache, monkeypatch):
    autotune.record(autotune.this_key(), [row("lite", "cpu", "int8", 50)])
    monkeypatch.setenv(autotune.VARIABLE, "")
    assert autotune.cache_file() is None
    assert autotune.fastest("lite") is None
    autotune.record(autotune.this_key(), [row("lite", "cpu", "int8", 50)])
    assert [path.name for path in autotune_cache.parent.iterdir()] == ["bench.json"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
def test_the_cache_lies_where_the_system_keeps_caches(tmp_path, monkeypatch):
    monkeypatch.delenv(autotune.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert autotune.cache_file() == tmp_path / "lipsync-edge" / "bench.json"
    assert autotune.fastest("lite") is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv(autotune.VARIABLE, str(tmp_path / "file" / "bench.json"))
    autotune.record("a", [row("lite", "cpu", "int8", 50)])
    assert autotune.recorded("a") == []


def test_auto_takes_what_was_found_and_says_so(autotune_cache):
    assert "not measured" in le.load(preset="lite").chosen
    autotune.record(
        autotune.this_key(), [row("lite", "cpu", "fp32", 60), row("lite", "cpu", "int8", 50)], DAY
    )
    engine = le.load(preset="lite")
    assert {network.precision for network in engine.networks.values()} == {"fp32"}
    assert "2026-01-31, 60 fps" in engine.chosen
    asked = le.load(preset="lite", device="cpu")
    assert {network.precision for network in asked.networks.values()} == {"int8"}
    assert asked.chosen == "as asked"
    assert {one.precision for one in le.load(preset="lite", precision="int8").networks.values()} == {"int8"}


def test_models_of_ones_own_were_not_measured(autotune_cache, tmp_path):
    autotune.record(autotune.this_key(), [row("lite", "cpu", "fp32", 60)], DAY)
    engine = le.load(preset="lite", models=tmp_path)
    assert {network.precision for network in engine.networks.values()} == {"int8"}
    assert "not measured" in engine.chosen


@pytest.mark.parametrize(
    ("device", "precision"), [("openvino:NPU", "int8"), ("cpu", "fp16"), ("tpu", "int8")]
)
def test_a_device_that_is_gone_falls_back_and_says_so(autotune_cache, device, precision):
    autotune.record(autotune.this_key(), [row("lite", device, precision, 60)], DAY)
    engine = le.load(preset="lite")
    assert engine.device == "cpu"
    assert f"{device}, the fastest of lipsync-edge bench, does not open" in engine.chosen
    with pytest.raises(DeviceError):
        le.load(preset="lite", device="openvino:NPU")
