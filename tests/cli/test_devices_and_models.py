"""`devices` and `models`: what they print, for people and as JSON."""

import json
from datetime import date

import pytest

from lipsync_edge.models import autotune, device_probe
from lipsync_edge.models.registry import bundled_models, read_manifest
from tests.cli.conftest import Typed

ROW = {"preset": "hq", "asked_device": "openvino:CPU", "precision": "fp32", "fps": 60, "first_frame_s": 1.0}


def test_devices_say_what_auto_takes(
    autotune_cache: object, monkeypatch: pytest.MonkeyPatch, typed: Typed
) -> None:
    monkeypatch.setattr(device_probe, "probe_devices", list)
    autotune.record(autotune.this_key(), [ROW], date(2026, 1, 31))
    code, out, _ = typed("devices")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split()[:4] == ["auto", "lite", "not", "measured"]
    assert "openvino:CPU fp32, 60 fps on 2026-01-31" in lines[1]
    found = json.loads(typed("devices", "--json")[1])
    assert found["auto"]["lite"] is None
    assert found["auto"]["hq"]["device"] == "openvino:CPU"


def test_why_a_device_was_taken_is_said_and_reported(typed: Typed, tmp_path) -> None:
    typed.chosen = "auto: the reason"
    code, out, _ = typed("run", "face.mp4", "speech.wav", "-o", "o.mp4", "--report", "r.json")
    assert code == 0
    assert "(auto: the reason)" in out
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["chosen"] == "auto: the reason"


def test_models_are_listed_told_of_and_verified(typed: Typed) -> None:
    files = read_manifest(bundled_models())
    code, out, _ = typed("models", "list")
    assert (code, out.count("\n")) == (0, len(files))
    assert len(json.loads(typed("models", "list", "--json")[1])["models"]) == len(files)
    code, out, _ = typed("models", "info", "edge_lips")
    assert code == 0
    assert json.loads(out)["card"]["audio"]["front_end"] == "mel80"
    assert json.loads(typed("models", "info", "edge_lips", "--json")[1]) == json.loads(out)
    assert typed("models", "verify") == (0, f"{len(files)} files are what their manifest says\n", "")
    assert set(json.loads(typed("models", "verify", "--json")[1])["verified"]) == set(files)


def test_a_model_that_is_not_there_ends_with_4(typed: Typed) -> None:
    assert typed("models", "info", "none")[0] == 4
    assert typed("models", "list", "--models", "none")[0] == 4
