"""Any rate to another: right in pitch and level, and the same whatever the chunks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipsync_edge.audio.resample import Resampler, to_float32, to_int16
from lipsync_edge.errors import InputError
from lipsync_edge.types import F32

RATES = [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000]
NOISE = np.random.default_rng(5).normal(0, 0.1, 12_000).astype(np.float32)


def whole(rate: int, signal: F32) -> F32:
    resampler = Resampler(rate)
    return np.concatenate([resampler.push(signal), resampler.flush()])


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_pitch_level_and_time(rate: int) -> None:
    n = rate // 2 + 7
    out = whole(rate, np.sin(2 * np.pi * 1000 * np.arange(n) / rate).astype(np.float32))
    assert len(out) == -(-n * 16000 // rate)
    wanted = np.sin(2 * np.pi * 1000 * np.arange(len(out)) / 16000)
    assert np.abs(out - wanted)[200:-200].max() < 1e-4


@pytest.mark.parametrize("rate", [22050, 32000, 44100, 48000, 96000])
def test_what_16_khz_cannot_carry_is_gone(rate: int) -> None:
    out = whole(rate, np.sin(2 * np.pi * 9500 * np.arange(rate // 2) / rate).astype(np.float32))
    assert np.abs(out[200:-200]).max() < 10 ** (-80 / 20)


@settings(deadline=None, max_examples=40)
@given(rate=st.sampled_from([*RATES, 44101, 12345]), sizes=st.lists(st.integers(0, 900), max_size=40))
def test_any_chunks_give_the_whole(rate: int, sizes: list[int]) -> None:
    resampler, at, out = Resampler(rate), 0, []
    for size in sizes:
        out.append(resampler.push(NOISE[at : at + size]))
        at += size
    out += [resampler.push(NOISE[at:]), resampler.flush()]
    assert np.array_equal(np.concatenate(out), whole(rate, NOISE))


@pytest.mark.parametrize("length", [0, 1, 2, 3, 47, 48, 49])
@pytest.mark.parametrize("rate", RATES)
def test_short_signals(rate: int, length: int) -> None:
    out = whole(rate, NOISE[:length])
    assert len(out) == -(-length * 16000 // rate)
    assert np.isfinite(out).all()


def test_16_khz_passes_unchanged_and_at_once() -> None:
    assert np.array_equal(Resampler(16000).push(NOISE), NOISE)


@pytest.mark.parametrize(
    ("rate", "target"), [(16_000, 24_000), (44_100, 24_000), (24_000, 44_100), (8000, 96_000)]
)
def test_other_rates_are_given_as_well(rate: int, target: int) -> None:
    resampler = Resampler(rate, target)
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate // 2) / rate).astype(np.float32)
    pieces = [resampler.push(tone[at : at + 777]) for at in range(0, len(tone), 777)]
    out = np.concatenate([*pieces, resampler.flush()])
    assert len(out) == target // 2
    wanted = np.sin(2 * np.pi * 1000 * np.arange(len(out)) / target)
    assert np.abs(out - wanted)[400:-400].max() < 1e-4


def test_int16_survives_the_way_there_and_back() -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    assert np.array_equal(to_int16(to_float32(every)), every)
    assert to_int16(np.array([1.0, -1.0, np.nan, 3.0], np.float32)).tolist() == [32767, -32768, 0, 32767]


@pytest.mark.parametrize("rate", [0, -1, 3999, 400_000])
def test_absurd_rates_are_refused(rate: int) -> None:
    with pytest.raises(InputError, match="sample rate"):
        Resampler(rate)
    with pytest.raises(InputError, match="sample rate"):
        Resampler(16_000, rate)


def test_samples_of_a_host() -> None:
    assert to_float32(np.array([-32768, 0, 16384], np.int16)).tolist() == [-1.0, 0.0, 0.5]
    assert to_float32(np.array([[0.5, -0.5], [1.0, 0.0]])).tolist() == [0.0, 0.5]
    assert to_float32(np.array([np.nan, np.inf, 0.25])).tolist() == [0.0, 0.0, 0.25]
    assert to_float32(np.zeros(0, np.int16)).shape == (0,)
    with pytest.raises(InputError, match="int16"):
        to_float32(np.zeros(3, np.int64))
    with pytest.raises(InputError, match="shape"):
        to_float32(np.zeros((2, 2, 2), np.float32))
