import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from lipsync_edge import machine
from lipsync_edge.bench import benchmark, measure, recommend, report
from lipsync_edge.bench.worker import Job
from lipsync_edge.demo import demo_files
from lipsync_edge.errors import InputError, LipsyncError, OutputError, UsageError
from lipsync_edge.models import autotune


def row(preset: str, fps: float, device: str = "cpu", precision: str = "int8") -> dict:
    return {
        "preset": preset,
        "device": device,
        "precision": precision,
        "fps": fps,
        "real_time_factor": fps / 25,
        "stage_ms": {"render": {"p50": 1.0, "p95": 2.0, "n": 3}, "encode": {"p50": 7.0, "p95": 8.0, "n": 3}},
        "mean_ms": {"lips": 3.0, "decode": 1.0},
        "first_frame_s": 0.5,
        "rss_mb": None,
        "models_mb": 3.0,
        "frames": 50,
    }


def job_of(preset: str, precision: str, threads: int | None = None) -> Job:
    face, audio = map(str, demo_files())
    return Job(
        preset=preset,
        device="cpu",
        precision=precision,
        threads=threads,
        models=None,
        face=face,
        audio=audio,
        seconds=0.6,
        began=time.time(),
    )


def test_the_best_preset_that_is_fast_enough_is_recommended():
    assert (
        recommend.recommend([row("lite", 200), row("hq", 60), row("hq", 90, "openvino:CPU")])["device"]
        == "openvino:CPU"
    )
    assert recommend.recommend([row("lite", 200), row("hq", 26)])["preset"] == "lite"
    slow = recommend.recommend([row("lite", 10), row("hq", 4)])
    assert slow["preset"] == "lite"
    assert "nothing here" in slow["why"]
    assert recommend.recommend([row("wav2lip", 500)]) is None


def test_a_baseline_gives_ratios_and_fails_past_the_margin(tmp_path):
    old = tmp_path / "old.json"
    old.write_text(json.dumps({"rows": [row("lite", 100), row("hq", 50)]}))
    found = recommend.ratios([row("lite", 80), row("hq", 55)], old)
    assert found == {"lite cpu int8": pytest.approx(0.8), "hq cpu int8": pytest.approx(1.1)}
    recommend.refuse_slower(found, 0.25)
    with pytest.raises(LipsyncError, match="lite cpu int8 0.80"):
        recommend.refuse_slower(found, 0.1)
    with pytest.raises(InputError, match="measured now"):
        recommend.ratios([row("lite", 80, "cuda")], old)
    old.write_text("{}")
    with pytest.raises(InputError, match="benchmark's JSON"):
        recommend.ratios([], old)


def test_configurations_are_those_whose_files_are_there(tmp_path):
    plan = measure.Plan(devices=("cpu",), models=tmp_path)
    found = list(measure.configurations(plan))
    assert {preset for preset, _, _ in found} == {"lite", "hq"}  # the published ones need the user's files
    assert {precision for _, _, precision in found} == {"int8", "fp32"}
    assert found[0][0] == "lite"


def test_time_that_runs_out_and_failures_are_told(monkeypatch):
    answers = iter([{"fps": 1.0}, {"error": "no"}])
    monkeypatch.setattr(measure, "in_process", lambda job: next(answers))
    both = measure.Plan(presets=("lite",), devices=("cpu",), precisions=("int8", "fp32"))
    found = measure.run_plan(both, Path("a"), Path("b"), lambda name: None)
    assert [one["asked_device"] for one in found["rows"]] == ["cpu"]
    assert found["failed"] == [{"configuration": "lite cpu fp32", "why": "no"}]
    monkeypatch.setattr(measure, "in_process", lambda job: {"fps": 1.0})
    short = measure.Plan(presets=("lite",), devices=("cpu",), precisions=("int8", "fp32"), budget_s=-1)
    assert measure.run_plan(short, Path("a"), Path("b"), lambda name: None)["skipped"] == ["lite cpu fp32"]


def test_a_configuration_that_cannot_run_says_why():
    assert "fp16" in measure.in_process(job_of("lite", "fp16"))["error"]


def test_one_configuration_is_really_measured():
    found = measure.in_process(job_of("hq", "int8", threads=1))
    assert found["frames"] == 15
    assert {"decode", "track", "detect", "exemplars", "render", "encode"} <= set(found["stage_ms"])
    assert found["stage_ms"]["encode"]["n"] == 15
    assert found["first_frame_s"] > 0
    assert set(found["precisions"].values()) == {"int8"}
    assert found["stage_ms"]["exemplars"]["p50"] <= found["stage_ms"]["render"]["p95"] * 1.5


def test_tables_and_plots(tmp_path):
    rows = [row("lite", 100), row("hq", 50)]
    table = report.markdown(rows)
    assert table.count("\n") == 3
    assert (
        "| lite | cpu | int8 | 100.0 | 4.00 | - | - | 1.0 / 2.0 | 7.0 / 8.0 | 0.50 | - | 3.0 | 50 |" in table
    )
    pytest.importorskip("matplotlib")
    found = {"rows": rows, "machine": {"processor": "x", "cores": 2}}
    report.plot(found, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000
    with pytest.raises(OutputError):
        report.plot(found, tmp_path / "none" / "p.png")


def test_the_clip_moves_and_has_the_target_size(tmp_path):
    from lipsync_edge.video.reader import VideoReader

    face = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    frames = [one.image_bgr for one in VideoReader(measure.make_clip(face, tmp_path / "c.mp4"))]
    assert len(frames) == 50
    assert frames[0].shape == (720, 1280, 3)
    assert np.abs(frames[0].astype(int) - frames[8]).mean() > 3


def test_where_time_may_run_out_every_preset_is_measured_on_one_device_first():
    plan = measure.Plan(devices=("cpu", "openvino:CPU"), precisions=("int8",))
    assert [name for name, _, _ in measure.in_order(plan)] == ["lite", "lite", "hq", "hq"]
    quick = measure.Plan(devices=("cpu", "openvino:CPU"), precisions=("int8",), budget_s=1.0)
    assert measure.in_order(quick)[:2] == [("lite", "cpu", "int8"), ("hq", "cpu", "int8")]
    assert sorted(measure.in_order(quick)) == sorted(measure.in_order(plan))


@pytest.mark.parametrize(
    ("busy", "plan", "skipped", "said"),
    [
        (False, {}, [], "kept for --device auto in"),
        (False, {}, ["hq cpu int8"], "kept for --device auto in"),
        (True, {}, [], "the machine is busy"),
        (False, {"threads": 1}, [], "--threads"),
        (False, {}, ["lite openvino:CPU int8"], "no preset"),
    ],
)
def test_only_whole_and_quiet_measurements_are_kept(autotune_cache, busy, plan, skipped, said):
    here = replace(machine.this_machine(), load=99.0 if busy else 0.0)
    rows = [row("lite", 60) | {"asked_device": "cpu"}]
    found = {"rows": rows, "failed": [], "skipped": skipped}
    kept = benchmark.keep(measure.Plan(**plan), here, found)
    assert said in kept
    told = found | {"machine": asdict(here), "threads": None, "recommendation": None, "kept": kept}
    assert said in report.text(told)
    assert (autotune.fastest("lite") is not None) == kept.startswith("kept")


def test_nothing_that_runs_is_an_error_that_says_why():
    plan = measure.Plan(presets=("lite",), devices=("cpu",), precisions=("fp16",))
    with pytest.raises(LipsyncError, match="no preset has its models at this precision"):
        benchmark.benchmark(plan, lambda name: None)


@pytest.mark.parametrize("names", [{"presets": ("x",)}, {"devices": ("tpu",)}, {"precisions": ("int4",)}])
def test_names_that_do_not_exist_are_refused_before_anything_is_measured(names):
    with pytest.raises(UsageError, match="out of"):
        measure.Plan(**names)
