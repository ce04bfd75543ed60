"""Phones, the mouths that go with them, and texts read aloud."""

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.data.phones import CLASS, VISEMES, classes_at, learn_mouths, mouths_of, read_aloud  # noqa: E402
from training.data.readings import Reading, load_readings, save, sentences  # noqa: E402
from training.data.voices import Voice  # noqa: E402
from training.lips.clips import level_speakers  # noqa: E402


def test_classes_follow_the_ends_of_phones() -> None:
    phones = [(0, 0.1), (CLASS["b"], 0.2), (CLASS["iy"], 0.5)]
    said = classes_at(phones, np.array([-0.2, 0.05, 0.15, 0.2, 0.49, 0.51]))
    assert said.shape == (6, len(VISEMES))
    assert (said.sum(1) == 1).all()
    assert said.argmax(1).tolist() == [0, 0, CLASS["b"], CLASS["iy"], CLASS["iy"], 0]


def test_mouths_are_learnt_from_phones_and_follow_them() -> None:
    rng = np.random.default_rng(0)
    said, shown, times = [], [], []
    for _ in range(20):
        kinds = np.repeat(rng.integers(0, len(VISEMES), 30), 8)
        said.append(np.eye(len(VISEMES), dtype=np.float32)[kinds])
        times.append(np.arange(70) / 25)
        opening = (kinds[np.round(times[-1] * 80).astype(int)] > 10).astype(np.float32)
        shown.append(np.tile(opening[:, None], (1, 8)))
    net, likeness = learn_mouths(said, shown, times, np.ones(20), 0)
    assert likeness > 0.9
    other = np.roll(said[9], 120, 0)  # another time: the same phones, but not now
    assert np.corrcoef(mouths_of(net, other, times[9])[:, 0], shown[9][:, 0])[0, 1] < 0.5


def test_sentences_are_words_and_come_back_with_the_seed() -> None:
    some = sentences(np.random.default_rng(1), 20)
    assert some == sentences(np.random.default_rng(1), 20)
    assert all(4 <= len(text.split()) <= 11 for text in some)


def test_readings_are_kept_and_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    coefficients = rng.normal(size=(30, 8)).astype(np.float32)
    mel = rng.uniform(-4, 4, (80, 96)).astype(np.float32)
    save([Reading("slt", [Voice(mel), Voice(mel, 1.2)], coefficients)], tmp_path / "r.npz")
    (clip,) = load_readings(tmp_path / "r.npz")
    assert np.array_equal(clip.coefficients, coefficients)
    assert clip.times[25] == 1.0
    assert [voice.speed for voice in clip.voices] == [1.0, 1.2]
    assert np.abs(clip.voices[0].mel - mel).max() < 4e-3
    assert load_readings(tmp_path / "none.npz") == []


@pytest.mark.skipif(shutil.which("flite") is None, reason="Flite is not installed")
def test_flite_reads_and_says_when(tmp_path: Path) -> None:
    sound, phones = read_aloud("bee", "slt", 1.0, tmp_path)
    kinds = [kind for kind, _ in phones]
    assert kinds[0] == CLASS["pau"]
    assert CLASS["b"] in kinds
    assert CLASS["iy"] in kinds
    assert len(sound) / 16000 == pytest.approx(phones[-1][1], abs=0.3)


def test_speakers_come_to_move_equally_far() -> None:
    rng = np.random.default_rng(3)
    coefficients = np.concatenate([rng.normal(0, spread, (200, 8)) for spread in (0.5, 1.0, 1.5)]).astype(
        np.float32
    )
    speaker = np.repeat(["a", "b", "c"], 200)
    level = level_speakers(coefficients, speaker)
    spreads = [level[speaker == name, 0].std() for name in "abc"]
    assert max(spreads) / min(spreads) < 1.01
