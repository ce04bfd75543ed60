import json

import cv2
import numpy as np
import pytest

from lipsync_edge.bench.measure import make_clip
from lipsync_edge.cli.console import run_app
from lipsync_edge.cli.main import app
from lipsync_edge.demo import demo_files
from lipsync_edge.eval import evaluate as module
from lipsync_edge.eval.evaluate import EvalOptions, evaluate
from lipsync_edge.video.still_image import read_image


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    picture = cv2.resize(read_image(demo_files()[0]), (360, 360))
    return make_clip(np.asarray(picture, np.uint8), tmp_path_factory.mktemp("eval") / "clip.mp4")


@pytest.fixture(scope="module")
def same(clip):
    return evaluate(EvalOptions(generated=clip, reference=clip, seconds=0.4))


def test_identical_videos(same):
    assert same.frames == 10
    assert same.frames_without_face == 0
    assert same.metrics["psnr_frame"] == same.metrics["psnr_mouth"] == float("inf")
    assert same.metrics["ssim_face"] == pytest.approx(1)
    assert same.metrics["tss"] == same.metrics["tss_reference"]
    assert same.metrics["flicker"] == same.metrics["flicker_reference"]
    assert same.plain()["metrics"]["psnr_frame"] is None
    json.dumps(same.plain(), allow_nan=False)


def test_what_has_no_model_is_missing_and_no_number(same):
    for name in ("lse_d", "lse_c", "av_offset", "fid", "seam"):
        assert name in same.missing
        assert name not in same.metrics
    assert "syncnet_v2" in same.missing["lse_d"]


def test_without_a_reference_its_figures_are_missing(clip):
    found = evaluate(EvalOptions(generated=clip, seconds=0.3))
    assert {"psnr_frame", "ssim_mouth", "tss_reference", "opening_r", "fid"} <= set(found.missing)
    assert {"tss", "flicker"} <= set(found.metrics)


def test_scorers_that_are_there_are_asked(clip, monkeypatch):
    sounds = np.random.default_rng(0).normal(size=(16_000,)).astype(np.float32) * 0.1
    branch = lambda windows: windows.reshape(len(windows), -1)[:, :64].astype(np.float32)  # noqa: E731
    monkeypatch.setattr(module, "load_syncnet", lambda models: (branch, branch))
    monkeypatch.setattr(module, "read_audio", lambda path, start=0: sounds)
    found = evaluate(EvalOptions(generated=clip, seconds=0.6))
    assert found.metrics["lse_d"] > 0
    assert "lse_d" not in found.missing


def test_the_command_prints_one_json_object_and_draws_a_page(clip, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    page, figures = tmp_path / "page.png", tmp_path / "figures.json"
    words = ["eval", str(clip), "--seconds", "0.3", "--json", "--report", str(page), "-o", str(figures)]
    assert run_app(app, words) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(figures.read_text())
    assert cv2.imread(str(page)).shape[0] > 500


def test_a_file_that_is_not_there_ends_with_3(tmp_path, capsys):
    assert run_app(app, ["eval", str(tmp_path / "none.mp4")]) == 3
    assert "nothing there" in capsys.readouterr().err
