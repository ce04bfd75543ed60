"""The arithmetic of the benchmarks that are run by hand, and that their untrained detector does find a face."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from lipsync_edge.bench.times import Times
from lipsync_edge.models.network import bundled_models
from lipsync_edge.pipeline.job import RunOptions, track_options
from tests.test_offline import make_engine

torch = pytest.importorskip("torch")

from benchmarks import bench_ratio, profile_run, untrained  # noqa: E402
from benchmarks.bench_ratio import Configuration  # noqa: E402
from benchmarks.reference_pipeline import Reference  # noqa: E402


@pytest.mark.parametrize("box", [(21.0, 30.0, 111.0, 120.0), (90.0, 5.0, 150.0, 77.0)])
def test_the_untrained_detector_answers_the_box_it_was_given(box):
    from export import checkpoint
    from tests.golden.checkpoints import make_state

    torch.set_num_threads(1)
    state = untrained.constant_heads(make_state("s3fd"), np.array(box, np.float32))
    network = checkpoint.build(
        "s3fd", {key: torch.from_numpy(np.asarray(a)) for key, a in state.items()}, "s3fd"
    )
    frame = np.random.default_rng(0).integers(0, 256, (144, 160, 3), dtype=np.uint8)
    with torch.inference_mode():
        x1, y1, x2, y2 = Reference(network, network).detect(frame)
    assert np.abs(np.array([x1, y1, x2, y2 - 10]) - box).max() <= 1  # 10: the published pads
    assert set(state) == set(make_state("s3fd"))


def test_untrained_files_that_are_not_what_their_cards_say_are_made_again(tmp_path):
    assert not untrained.sound("edge_segment", "int8", tmp_path)
    bundled = bundled_models()
    assert untrained.sound("edge_segment", "int8", bundled)
    for name in ("edge_segment.int8.onnx", "manifest.json"):
        (tmp_path / name).write_bytes((bundled / name).read_bytes())
    assert untrained.sound("edge_segment", "int8", tmp_path)
    (tmp_path / "edge_segment.int8.onnx").write_bytes(b"other")
    assert not untrained.sound("edge_segment", "int8", tmp_path)


def measured(fps: float, frames: int = 100) -> dict:
    report = {
        "frames": frames,
        "elapsed_s": 0.9 * frames / fps,
        "width": 1280,
        "height": 720,
        "frames_without_face": 0,
        "devices": {"lips": "cpu"},
        "precisions": {"lips": "int8"},
    }
    return {"report": report, "fps": fps, "cpu_s": frames / 50, "peak_mb": 400.0, "load": 0.25}


def test_a_row_joins_its_rounds_and_says_whether_the_target_is_reached():
    one = Configuration("x", "lite", 4.0, least_fps=60.0, least_ratio=300.0)
    row = bench_ratio.row_of(one, [measured(50.0), measured(100.0)], [0.1, 0.2])
    assert row["fps"] == pytest.approx(200 / 3, abs=0.01)  # 200 frames in 2 s and 1 s
    assert row["reference_fps"] == pytest.approx(2 / 15, abs=1e-4)
    assert row["ratios"] == [500.0, 500.0]
    assert row["ratio"] == pytest.approx(500.0)
    assert (row["cpu_ms"], row["n"], row["load"], row["reached"]) == (20.0, 100, 0.25, True)
    assert bench_ratio.row_of(one, [measured(59.0)], [0.1])["reached"] is False
    assert bench_ratio.row_of(one, [measured(61.0)], [0.3])["reached"] is False
    assert bench_ratio.row_of(Configuration("x", "lite", 4.0), [measured(1.0)], [1.0])["reached"] is None
    json.dumps(row)


def test_rows_say_how_the_face_was_found_and_ask_for_what_they_say():
    for one in bench_ratio.CONFIGURATIONS:
        words = one.options((1.0, 2.0, 3.5, 4.0))
        assert ("--box" in words) == (one.face == bench_ratio.GIVEN)
        assert ("1,2,3.5,4" in words) == one.seldom
        assert ("--models" in words) == one.preset.startswith("wav2lip")
    assert {"lite", "hq", "wav2lip", "wav2lip-hq"} <= {one.preset for one in bench_ratio.CONFIGURATIONS}


def test_seldom_detection_is_an_option_and_takes_the_smooth_tracking():
    published = make_engine(tracking="reference", detect_side=0)
    plain = track_options(published.preset, RunOptions())
    assert (plain.mode, plain.every, plain.side) == ("reference", 1, 0)
    seldom = track_options(published.preset, RunOptions(detect_every=8, detect_side=320))
    assert (seldom.mode, seldom.every, seldom.side) == ("smooth", 8, 320)
    assert track_options(published.preset, RunOptions(detect_every=1, detect_side=320)).mode == "reference"
    assert track_options(make_engine().preset, RunOptions(detect_side=640)).side == 640


def test_the_detector_is_paid_for_even_when_the_box_is_given(tmp_path):
    from tests.clips import write_clip, write_sound
    from tests.test_offline import SIZE

    times = Times(0.0)
    face, sound = write_clip(tmp_path / "f.mp4", 20, size=SIZE), write_sound(tmp_path / "s.wav", 0.64)
    options = RunOptions(box_xyxy=(100, 50, 260, 210), detect_every=8, detect_side=160)
    result = make_engine(blind=range(99)).run(face, sound, tmp_path / "o.mp4", options=options, observe=times)
    assert result.frames == 16
    assert result.frames_without_face == 0
    assert len(times.stages["detect"]) >= 3  # frames 0, 8 and the last


def test_every_stage_is_observed_and_nothing_else(tmp_path):
    from tests.clips import write_clip, write_sound
    from tests.test_offline import SIZE

    times = Times(0.0)
    face, sound = write_clip(tmp_path / "f.mp4", 12, size=SIZE), write_sound(tmp_path / "s.wav", 0.4)
    result = make_engine().run(face, sound, tmp_path / "o.mp4", observe=times)
    assert set(times.stages) == set(result.stage_s)
    assert set(times.stages) >= {"wait_room", "wait_decoder", "wait_encoder", "track", "detect", "render"}
    assert len(times.stages["encode"]) == result.frames == 10
    assert times.first_frame_s is not None
    for stage in ("decode", "encode", "track"):
        assert sum(times.stages[stage]) == pytest.approx(1000 * result.stage_s[stage], rel=0.01, abs=0.1)
    assert sum(times.stages["detect"]) <= sum(times.stages["track"])


def test_multiply_adds_count_the_detector_by_its_calls_and_waits_are_not_work():
    def network(name: str) -> SimpleNamespace:
        return SimpleNamespace(spec=SimpleNamespace(name=name), precision="int8")

    engine = SimpleNamespace(networks={"detect": network("edge_detect"), "lips": network("edge_lips")})
    few = profile_run.macs(engine, {"detect": [1.0] * 25}, 100)
    many = profile_run.macs(engine, {"detect": [1.0] * 50}, 100)
    assert few["detect"] * 2 == many["detect"]
    assert few["lips"] == many["lips"] > few["detect"]
    spent = {"wait_decoder": 2.0, "wait_encoder": 1.0, "decode": 5.0, "encode": 10.0}
    assert profile_run.busy(SimpleNamespace(stage_s=spent, elapsed_s=10.0)) == {
        "decode": 0.5,
        "make": 0.7,
        "encode": 1.0,
    }
