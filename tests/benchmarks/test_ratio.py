"""The arithmetic of the comparison with the published pipeline, and that its untrained detector does find a face."""

import json
import sys

import numpy as np
import pytest

from lipsync_edge.models.registry import bundled_models

torch = pytest.importorskip("torch")

from benchmarks import process  # noqa: E402
from benchmarks.reference import ratio, untrained  # noqa: E402
from benchmarks.reference.pipeline import Reference  # noqa: E402
from benchmarks.reference.ratio import Configuration  # noqa: E402


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
    row = ratio.row_of(one, [measured(50.0), measured(100.0)], [0.1, 0.2])
    assert row["fps"] == pytest.approx(200 / 3, abs=0.01)  # 200 frames in 2 s and 1 s
    assert row["reference_fps"] == pytest.approx(2 / 15, abs=1e-4)
    assert row["ratios"] == [500.0, 500.0]
    assert row["ratio"] == pytest.approx(500.0)
    assert (row["cpu_ms"], row["n"], row["load"], row["reached"]) == (20.0, 100, 0.25, True)
    assert ratio.row_of(one, [measured(59.0)], [0.1])["reached"] is False
    assert ratio.row_of(one, [measured(61.0)], [0.3])["reached"] is False
    assert ratio.row_of(Configuration("x", "lite", 4.0), [measured(1.0)], [1.0])["reached"] is None
    json.dumps(row)


def test_rows_say_how_the_face_was_found_and_ask_for_what_they_say():
    for one in ratio.CONFIGURATIONS:
        words = one.options((1.0, 2.0, 3.5, 4.0))
        assert ("--box" in words) == (one.face == ratio.GIVEN)
        assert ("1,2,3.5,4" in words) == one.seldom
        assert ("--models" in words) == one.preset.startswith("wav2lip")
    assert {"lite", "hq", "wav2lip", "wav2lip-hq"} <= {one.preset for one in ratio.CONFIGURATIONS}


def test_what_a_run_left_out_keeps_the_rows_and_the_reference_of_its_own_run():
    def run(when: str, *names: str) -> dict:
        return {"when": when, "reference": when, "rows": [{"name": name} for name in names]}

    first = ratio.joined(run("first", "a", "b", "c"), None)
    second = ratio.joined(run("second", "b"), first)
    third = ratio.joined(run("third", "a"), second)
    assert third == run("third", "a") | {"earlier": [run("second", "b"), run("first", "c")]}
    assert ratio.joined(run("fourth", "a", "b", "c"), third) == run("fourth", "a", "b", "c")


def test_peak_memory_is_the_process_s_own_not_its_parent_s(tmp_path):
    held = np.ones(300_000_000, np.uint8)  # what ru_maxrss of a child would begin with
    report = tmp_path / "report.json"
    words = ["import sys, time; open(sys.argv[1], 'w').write('{}'); time.sleep(0.3)", str(report)]
    assert 1.0 < process.measured([sys.executable, "-c", *words], report)["peak_mb"] < 100.0
    assert held.all()
