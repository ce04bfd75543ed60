"""What a run tells its observer, and how seldom it may look for the face."""

import pytest

from lipsync_edge.bench.times import Times
from lipsync_edge.pipeline.job import track_options
from lipsync_edge.pipeline.run_options import RunOptions
from tests.clips import write_clip, write_sound
from tests.scripted import SIZE, make_engine


def test_seldom_detection_is_an_option_and_takes_the_smooth_tracking():
    published = make_engine(tracking="reference", detect_side=0)
    plain = track_options(published.preset, RunOptions())
    assert (plain.mode, plain.every, plain.side) == ("reference", 1, 0)
    seldom = track_options(published.preset, RunOptions(detect_every=8, detect_side=320))
    assert (seldom.mode, seldom.every, seldom.side) == ("smooth", 8, 320)
    assert track_options(published.preset, RunOptions(detect_every=1, detect_side=320)).mode == "reference"
    assert track_options(make_engine().preset, RunOptions(detect_side=640)).side == 640


def test_the_detector_is_paid_for_even_when_the_box_is_given(tmp_path):
    times = Times(0.0)
    face, sound = write_clip(tmp_path / "f.mp4", 20, size=SIZE), write_sound(tmp_path / "s.wav", 0.64)
    options = RunOptions(box_xyxy=(100, 50, 260, 210), detect_every=8, detect_side=160)
    result = make_engine(blind=range(99)).run(face, sound, tmp_path / "o.mp4", options=options, observe=times)
    assert result.frames == 16
    assert result.frames_without_face == 0
    assert len(times.stages["detect"]) >= 3  # frames 0, 8 and the last


def test_every_stage_is_observed_and_nothing_else(tmp_path):
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
