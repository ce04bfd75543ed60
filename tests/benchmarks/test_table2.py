import json
import pickle

import cv2
import numpy as np
import pytest

from benchmarks.__main__ import parsed
from benchmarks.table2 import table
from benchmarks.table2.clips import PIECE, RATE, Stretch, most_spoken, shuffled, stretch
from benchmarks.table2.table import control_verdict, means
from benchmarks.table2.untrained import MADE_UP
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.demo import demo_files
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.still_image import read_image
from lipsync_edge.video.writer import VideoFormat, VideoWriter


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two clips of the demo's face and voice, 25 frames each, the second with its sound reversed."""
    folder = tmp_path_factory.mktemp("corpus") / "eval"
    folder.mkdir()
    picture = np.asarray(cv2.resize(read_image(demo_files()[0]), (240, 240)), np.uint8)
    voice = read_audio(demo_files()[1])[: 2 * RATE]
    for name, sound in (("a.mp4", voice[:RATE]), ("b.mp4", voice[RATE:])):
        info = probe_format()
        with VideoWriter(folder / name, info) as writer:
            for i in range(25):
                writer.write(np.roll(picture, i % 3, axis=1), i / info.fps)
            writer.write_sound(sound[:, None])
    return folder


def probe_format() -> VideoFormat:
    from fractions import Fraction

    return VideoFormat(
        width=240, height=240, fps=Fraction(25), time_base=Fraction(1, 25), sound_rate=RATE, sound_channels=1
    )


@pytest.mark.parametrize("pieces", [2, 3, 10, 31])
def test_no_piece_of_a_shuffled_sound_keeps_its_place(pieces):
    sound = np.repeat(np.arange(pieces), PIECE).astype(np.float32)
    other = shuffled(sound)
    assert sorted(other.tolist()) == sound.tolist()
    assert not (other == sound).any()


def test_a_short_sound_is_turned_round():
    assert shuffled(np.arange(5, dtype=np.float32)).tolist() == [4, 3, 2, 1, 0]


def test_a_control_that_is_not_worse_is_told():
    own, control = (
        {"lse_c": 5.0, "lse_d": 7.0, "opening_r": 0.5},
        {"lse_c": 1.0, "lse_d": 12.0, "opening_r": 0.1},
    )
    assert control_verdict(own, control) == {"lse_c": True, "opening_r": True, "lse_d": True}
    assert not any(control_verdict(control, own).values())
    assert control_verdict({}, control) == {}


def test_means_leave_out_what_has_no_number():
    assert means([{"a": 1.0, "b": float("inf")}, {"a": 3.0, "c": 2.0}]) == {"a": 2.0, "c": 2.0}


@pytest.mark.parametrize("at", [0.0, 1.5, 3.0])
def test_the_stretch_with_most_speech_is_found(at):
    draws = np.random.default_rng(0)
    sound = 1e-5 * draws.normal(size=5 * RATE)
    begin = round(at * RATE)
    sound[begin : begin + 2 * RATE] += 0.1 * draws.normal(size=2 * RATE)
    start, speech = most_spoken(sound.astype(np.float32), 2.0)
    assert start == pytest.approx(at)
    assert speech > 0.9
    assert most_spoken(np.zeros(2 * RATE, np.float32), 2.0) == (0.0, 0.0)


def test_pictures_and_sound_of_a_stretch_begin_together(tmp_path):
    """The picture's brightness counts frames and the sound's value counts samples of the whole clip."""
    draws, info, clip = np.random.default_rng(0), probe_format(), tmp_path / "clip.mkv"
    sound = np.where(np.arange(3 * RATE) < RATE * 1.5, 1e-5, 0.1) * draws.uniform(-1, 1, 3 * RATE)
    with VideoWriter(clip, info) as writer:
        for i in range(75):
            writer.write(np.full((240, 240, 3), 3 * i, np.uint8), i / info.fps)
        writer.write_sound(sound.astype(np.float32)[:, None])
    (tmp_path / "cut").mkdir()
    part = stretch(clip, 1.0, tmp_path / "cut")
    frames = [frame.image_bgr for frame in VideoReader(part.video)]
    assert part.start == 1.5
    assert frames[0].mean() / 3 == pytest.approx(38, abs=0.5)  # the first frame after 1.5 s is at 1.52 s
    assert len(frames) in (24, 25)
    whole = read_audio(clip)
    assert np.array_equal(part.voice, whole[round(1.52 * RATE) :][: len(part.voice)])
    assert pickle.loads(pickle.dumps(part)).name == "clip.mkv"


def test_made_up_numbers_are_refused_as_models(tmp_path, capsys):
    (tmp_path / MADE_UP).write_text("[]")
    with pytest.raises(SystemExit):
        parsed(["table2", "--corpus", ".", "--models", str(tmp_path)])
    assert "no result" in capsys.readouterr().err


def test_table2_runs_every_preset_that_can_load_and_names_the_others(clips, tmp_path):
    words = ["table2", "--corpus", str(clips.parent), "--seconds", "0.6", "--jobs", "1"]
    found = json.loads(json.dumps(table.fill(parsed(words)[1], tmp_path), allow_nan=False))
    assert [row["preset"] for row in found["rows"]] == ["lite", "hq"]
    assert set(found["absent"]) == {"wav2lip", "wav2lip-sr", "wav2lip-hq"}
    assert "s3fd" in found["absent"]["wav2lip"]
    assert found["untrained"] == []
    for row in found["rows"]:
        assert row["skipped"] == {}
        assert {"psnr_mouth", "ssim_mouth", "seam"} <= set(row["self"])
        assert "psnr_mouth" not in row["still"]
        assert {"lse_d", "lse_c", "fid"} <= set(row["missing"])
        assert set(row["control_is_worse"]) == {"self", "cross", "still"}


def test_controls_are_judged_by_the_true_sound_and_speaker(monkeypatch, tmp_path):
    """What SyncNet hears must not be the shuffled sound that the mouth was made of."""
    asked = {}
    monkeypatch.setattr(table, "evaluate", lambda options: asked.setdefault("options", options))

    class Fake:
        def run(self, face, audio, out, options):
            asked.update(face=face, heard=read_audio(audio))

    draws = np.random.default_rng(1)
    part, other = (
        Stretch(
            name=name,
            video=tmp_path / f"{name}.mkv",
            still=tmp_path / f"{name}.png",
            voice=(0.1 * draws.normal(size=RATE)).astype(np.float32),
            start=0.0,
            speech=1.0,
        )
        for name in "ab"
    )
    options = parsed(["table2", "--corpus", "."])[1]
    for way in table.WAYS:
        asked.clear()
        table.one_way(Fake(), way, part, other, tmp_path, options)
        speaker = part if way in ("self", "shuffled") else other
        heard, true = asked["heard"], read_audio(asked["options"].audio)
        assert np.allclose(true, speaker.voice, atol=1e-3)
        assert np.allclose(heard, speaker.voice, atol=1e-3) != way.endswith("shuffled")
        assert asked["options"].speaker == (None if speaker is part else other.video)
        assert asked["face"] == (part.still if way.startswith("still") else part.video)
