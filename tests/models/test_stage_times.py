"""What was measured network by network decides `--device auto`, as long as it was measured with these very files."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import lipsync_edge as le
from lipsync_edge.machine import this_machine
from lipsync_edge.models import stage_times, tuner
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.preset import load_preset
from lipsync_edge.models.stage_times import StageTime

LITE = load_preset("lite")
OPTIONS = EngineOptions(preset="lite")


def way(device: str, precision: str, ms: float, threads: int | None = None) -> StageTime:
    return StageTime(device=device, precision=precision, threads=threads, ms=ms)


def keep(**other: list[StageTime]) -> None:
    """Keep times of every network of lite; those that are not named take 1 ms on the CPU and 2 elsewhere."""
    usual = [way("cpu", "int8", 1.0), way("cpu", "fp32", 1.5), way("openvino:CPU", "int8", 2.0)]
    for name in LITE.networks:
        assert stage_times.record(LITE, name, other.get(name, usual))


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch):
    """Other work on the machine that tests run on does not matter, except where a test says so."""
    monkeypatch.setattr(stage_times, "this_machine", lambda: replace(this_machine(), load=0.1))


def test_nothing_is_measured_while_the_machine_is_busy(autotune_cache, monkeypatch):
    monkeypatch.setattr(stage_times, "this_machine", lambda: replace(this_machine(), load=99.0))
    assert stage_times.missing(OPTIONS) == ()


def test_nothing_is_chosen_before_all_networks_were_measured(autotune_cache):
    assert stage_times.missing(OPTIONS) == LITE.networks
    for name in LITE.networks[:-1]:
        assert stage_times.record(LITE, name, [way("cpu", "int8", 1.0)])
    assert stage_times.missing(OPTIONS) == LITE.networks[-1:]
    assert stage_times.chosen(OPTIONS) == {}
    assert stage_times.record(LITE, LITE.networks[-1], [way("cpu", "int8", 1.0)])
    assert stage_times.missing(OPTIONS) == ()
    assert set(stage_times.chosen(OPTIONS)) == set(LITE.networks)


def test_stages_may_differ_where_the_sum_gains(autotune_cache):
    faster = [way("cpu", "int8", 5.0), way("openvino:CPU", "int8", 2.0, 1)]
    keep(edge_segment=faster)
    chosen = stage_times.chosen(OPTIONS)
    assert chosen["edge_segment"] == faster[1]
    assert {one.device for name, one in chosen.items() if name != "edge_segment"} == {"cpu"}


def test_lips_that_are_seldom_painted_open_no_second_runtime(autotune_cache):
    much_faster = [way("cpu", "int8", 7.0), way("openvino:CPU", "int8", 4.0)]
    keep(edge_lips=much_faster)
    assert {one.device for one in stage_times.chosen(OPTIONS).values()} == {"cpu"}
    painted = replace(LITE, voice="", landmarks="")  # every frame goes through the lip network
    ways = stage_times.chosen(OPTIONS)
    other = ways | {"edge_lips": much_faster[1]}
    assert stage_times.frame_ms(painted, other) < stage_times.frame_ms(painted, ways)


def test_what_a_second_runtime_gains_must_pay_for_its_opening(autotune_cache):
    cost = stage_times.OPENING_MS / stage_times.FILM_FRAMES
    for gain, device in ((cost * 0.9, "cpu"), (cost * 2.0, "openvino:CPU")):
        keep(edge_landmarks=[way("cpu", "int8", 4.0), way("openvino:CPU", "int8", 4.0 - gain)])
        assert stage_times.chosen(OPTIONS)["edge_landmarks"].device == device


def test_a_second_runtime_is_not_loaded_for_next_to_nothing(autotune_cache):
    # a fortieth of a frame's time
    keep(edge_detect=[way("cpu", "int8", 1.0), way("openvino:CPU", "int8", 0.9)])
    chosen = stage_times.chosen(OPTIONS)
    assert {one.device for one in chosen.values()} == {"cpu"}
    every = replace(LITE, detect_every=1)
    assert stage_times.frame_ms(every, chosen) > stage_times.frame_ms(LITE, chosen)


def test_other_options_hold(autotune_cache):
    keep(edge_lips=[way("cpu", "int8", 3.0), way("cpu", "fp32", 4.0), way("cpu", "int8", 1.0, 1)])
    assert stage_times.chosen(OPTIONS)["edge_lips"].threads == 1
    fp32 = stage_times.chosen(replace(OPTIONS, precision="fp32"))
    assert {one.precision for one in fp32.values()} == {"fp32"}
    two = stage_times.chosen(replace(OPTIONS, threads=2))
    assert {one.threads for one in two.values()} == {2}
    assert two["edge_lips"].ms == 3.0
    assert stage_times.chosen(replace(OPTIONS, precision="fp16")) == {}
    for other in (replace(OPTIONS, device="cpu"), replace(OPTIONS, models=Path("mine"))):
        assert stage_times.chosen(other) == {}
        assert stage_times.missing(other) == ()


@pytest.mark.parametrize(
    "damage",
    ["", "[]", '{"KEY": 3}', '{"KEY": {"SUBJECT": [{"device": "cpu"}]}}', '{"KEY": {"SUBJECT": "x"}}'],
)
def test_a_damaged_file_is_none(autotune_cache, damage):
    keep()
    place = autotune_cache.with_name("stages.json")
    subject = stage_times.subject(LITE, "edge_lips")
    key = next(iter(json.loads(place.read_text())))
    place.write_text(damage.replace("KEY", key).replace("SUBJECT", subject))
    assert stage_times.chosen(OPTIONS) == {}


def test_times_of_other_files_or_another_machine_do_not_count(autotune_cache, monkeypatch):
    keep()
    with monkeypatch.context() as patch:
        patch.setattr(stage_times, "this_key", lambda: "another machine")
        assert stage_times.missing(OPTIONS) == LITE.networks
    with monkeypatch.context() as patch:
        files = {"edge_lips.int8.onnx": {"sha256": "another"}}
        real = stage_times.read_manifest
        patch.setattr(stage_times, "read_manifest", lambda folder: real(folder) | files)
        assert stage_times.missing(OPTIONS) == ("edge_lips",)


def test_turned_off_or_without_a_place_nothing_is_measured(autotune_cache, monkeypatch):
    monkeypatch.setattr(stage_times.os, "access", lambda path, mode: False)
    assert stage_times.missing(OPTIONS) == ()
    monkeypatch.undo()
    monkeypatch.setenv("LIPSYNC_EDGE_BENCH", "")
    assert stage_times.missing(OPTIONS) == ()
    assert not stage_times.record(LITE, "edge_lips", [])


def test_the_tuner_times_what_really_runs_here_and_the_engine_takes_it(autotune_cache):
    assert set(tuner.tune(LITE, LITE.networks, budget_s=0.05)) == set(LITE.networks)
    known = stage_times.recorded(LITE)
    for name in LITE.networks:
        assert {(one.device, one.precision) for one in known[name]} >= {("cpu", "int8"), ("cpu", "fp32")}
        assert all(0.001 < one.ms < 5000 for one in known[name])
    engine = le.load()
    assert "network by network" in engine.chosen
    chosen = stage_times.chosen(OPTIONS)
    assert {n.spec.name: (n.device, n.precision) for n in engine.networks.values()} == {
        name: (one.device, one.precision) for name, one in chosen.items()
    }


def test_a_way_that_no_longer_opens_falls_back_and_is_said(autotune_cache):
    keep(edge_segment=[way("cpu", "int8", 9.0), way("cuda", "int8", 0.1)])
    engine = le.load()
    assert "does not open" in engine.chosen
    assert engine.device == "cpu"


def test_the_process_in_the_background_ends_with_the_block(autotune_cache, monkeypatch):
    begun = []
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: begun.append(real(*a, **k)) or begun[-1])
    with tuner.in_background("lite", ("edge_voice",)):
        assert begun[0].wait(60) == 0  # long enough: it ends by itself, and what it found is kept
    assert set(stage_times.recorded(LITE)) == {"edge_voice"}
    with tuner.in_background("lite", LITE.networks):
        pass
    assert begun[1].returncode != 0
    with tuner.in_background("lite", ()):
        assert len(begun) == 2
    assert [path.name for path in autotune_cache.parent.iterdir()] == ["stages.json"]
