"""The mix of several sounds: levels untouched, never clipped."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipsync_edge.audio.mix import Mix, Sound
from lipsync_edge.audio.reader import probe_sound


def sound(folder: Path, name: str, samples: np.ndarray, rate: int = 16_000) -> Sound:
    path = folder / f"{name}.wav"
    soundfile.write(str(path), samples.astype(np.float32), rate, subtype="FLOAT")
    return Sound(path, probe_sound(path))


def heard(sounds: list[Sound], start: float = 0, end: float | None = None) -> tuple[Mix, np.ndarray]:
    mix = Mix(sounds, Fraction(start), None if end is None else Fraction(end))
    return mix, np.concatenate([*mix.pieces()])


def test_the_sum_is_the_sum_to_the_end_of_the_longest(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    long, short = rng.uniform(-0.3, 0.3, 24_000), rng.uniform(-0.3, 0.3, 9_000)
    mix, samples = heard([sound(tmp_path, "a", long), sound(tmp_path, "b", short)])
    assert mix.gain == 1.0
    assert mix.notes == ()
    want = long.astype(np.float32)
    want[:9_000] += short.astype(np.float32)
    assert np.abs(samples[:, 0] - want).max() < 1e-6


def test_what_would_clip_is_quieter_as_a_whole_and_said(tmp_path: Path) -> None:
    loud = 0.8 * np.sin(np.arange(16_000) / 9)
    mix, samples = heard([sound(tmp_path, "a", loud), sound(tmp_path, "b", loud)])
    assert np.abs(samples).max() == pytest.approx(1.0, abs=1e-4)
    assert samples[:, 0] == pytest.approx(2 * loud / 1.6, abs=1e-4)  # no peak was cut
    assert "4.1 dB quieter" in mix.notes[0]


def test_one_sound_is_itself_even_where_it_is_too_loud(tmp_path: Path) -> None:
    loud = 1.5 * np.sin(np.arange(16_000) / 9)
    mix, samples = heard([sound(tmp_path, "a", loud)])
    assert (samples[:, 0] == loud.astype(np.float32)).all()
    assert mix.notes == ()


def test_rates_and_channels_differ(tmp_path: Path) -> None:
    t16, t48 = np.arange(16_000) / 16_000, np.arange(48_000) / 48_000
    mono = sound(tmp_path, "a", 0.4 * np.sin(2 * np.pi * 440 * t16))
    stereo = np.stack([0.2 * np.sin(2 * np.pi * 300 * t48), np.zeros_like(t48)], 1)
    mix, samples = heard([mono, sound(tmp_path, "b", stereo, 48_000)])
    assert (mix.rate, mix.channels) == (48_000, 2)
    inside = slice(500, -500)  # the resampler rings at the ends
    want = 0.4 * np.sin(2 * np.pi * 440 * t48)[:, None] + stereo
    assert samples.shape == (48_000, 2)
    assert np.abs(samples[inside] - want[inside]).max() < 2e-3


def test_a_part_of_the_mix(tmp_path: Path) -> None:
    ramp = np.arange(16_000) / 32_000
    _, samples = heard([sound(tmp_path, "a", ramp), sound(tmp_path, "b", ramp)], 0.25, 0.5)
    assert samples[:, 0] == pytest.approx(2 * ramp[4_000:8_000], abs=1e-6)


def test_a_sound_that_begins_late_on_the_results_clock(tmp_path: Path) -> None:
    ramp = np.arange(16_000) / 32_000
    one = sound(tmp_path, "a", ramp)
    late = Sound(one.file, one.info, Fraction(1, 2))
    assert late.duration == Fraction(1, 2)
    assert np.concatenate([*late.pieces(Fraction(0), None)])[0, 0] == pytest.approx(ramp[8_000])
