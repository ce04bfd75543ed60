"""The rows of whole runs and profiles."""

import json
import os
from argparse import Namespace

import lipsync_edge
from benchmarks.run import profile, threads, whole
from lipsync_edge.models.preset import load_preset


def test_a_row_of_a_run_counts_the_start_and_says_where_it_was_measured():
    report = {
        "preset": "lite",
        "width": 1280,
        "height": 720,
        "frames": 100,
        "frames_without_face": 0,
        "elapsed_s": 1.0,
        "stage_s": {"decode": 0.5},
        "devices": {"lips": "cpu"},
        "precisions": {"lips": "int8"},
    }
    found = {"report": report, "wall_s": 2.0, "cpu_s": 3.0, "peak_mb": 400.0, "load": 0.25}
    row = whole.row_of(found, "a face", Namespace(options=["--crf", "30"], note="quiet"))
    assert (row["fps"], row["fps_run"], row["cpu_ms"], row["stage_ms"]) == (
        50.0,
        100.0,
        30.0,
        {"decode": 5.0},
    )
    assert (row["load"], row["machine"]["load"], row["face"], row["note"]) == (0.25, 0.25, "a face", "quiet")
    assert set(whole.KEY) <= set(row)
    json.dumps(row)


def test_multiply_adds_count_networks_by_what_they_were_given():
    precisions = {"detect": "int8", "lips": "int8"}
    few = profile.macs(load_preset("lite"), precisions, {"detect": 0.25, "lips": 1.0})
    many = profile.macs(load_preset("lite"), precisions, {"detect": 0.5, "lips": 0.0})
    assert few["detect"] * 2 == many["detect"]
    assert few["lips"] > few["detect"]
    assert many["lips"] == 0


def test_every_stage_of_a_preset_has_a_card_to_count():
    engine = lipsync_edge.load(preset="hq", device="cpu")
    precisions = {stage: network.precision for stage, network in engine.networks.items()}
    found = profile.macs(engine.preset, precisions, dict.fromkeys(precisions, 1.0))
    assert set(found) == set(precisions)
    assert all(found.values())


def test_waits_are_not_work():
    mean_ms = {"wait_decoder": 2.0, "wait_encoder": 1.0, "decode": 5.0, "encode": 10.0}
    assert profile.busy(mean_ms, fps=100.0) == {"decode": 0.5, "make": 0.7, "encode": 1.0}


def test_opencv_is_held_only_while_a_variant_runs(monkeypatch):
    monkeypatch.setenv(threads.OPENCV, "3")
    with threads.opencv_threads({threads.OPENCV: "1"}):
        assert os.environ[threads.OPENCV] == "1"
    with threads.opencv_threads({}):
        assert threads.OPENCV not in os.environ
    assert os.environ[threads.OPENCV] == "3"
    row = threads.row_of("both", [{"fps": fps, "cpu_ms": 2.0} for fps in (1.0, 9.0, 2.0)])
    assert (row["fps"], row["fps_each"], row["n"]) == (2.0, [1.0, 9.0, 2.0], 3)
