"""The mel front end: golden columns, awkward lengths, and a stream that equals the file bit for bit."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipsync_edge.audio.mel import MelStream, hz_to_mel, mel_filters, mel_spectrogram, mel_to_hz

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "mel.dev-1.npz")
NOISE = np.random.default_rng(3).normal(0, 0.1, 9000).astype(np.float32)


@pytest.mark.parametrize("length", [801, 3200, 15999, 16000, 16001, 40000])
def test_golden_columns(length: int) -> None:
    mel = mel_spectrogram(GOLDEN[f"wave{length}"])
    golden = GOLDEN[f"mel{length}"]
    assert mel.shape == golden.shape
    assert mel.dtype == np.float32
    assert np.abs(mel - golden).max() <= 2e-4


def test_digital_silence_is_the_floor() -> None:
    mel = mel_spectrogram(np.zeros(8000, np.float32))
    assert np.array_equal(mel, GOLDEN["mel_silence8000"])
    assert (mel == -4).all()


@pytest.mark.parametrize("length", [0, 1, 2, 79, 199, 200, 399, 400, 401, 599, 799, 800, 801, 1201])
def test_awkward_lengths(length: int) -> None:
    signal = NOISE[:length]
    mel = mel_spectrogram(signal)
    assert mel.shape == (80, 1 + length // 200 if length else 0)
    assert np.isfinite(mel).all()
    if length > 1:  # the rule for short input: what numpy.pad does
        emphasised = np.append(
            signal[:1].astype(float), signal[1:].astype(float) - 0.97 * signal[:-1].astype(float)
        )
        padded = np.pad(emphasised, 400, mode="reflect")
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(800) / 800)
        last = (mel.shape[1] - 1) * 200
        bands = mel_filters() @ np.abs(np.fft.rfft(padded[last : last + 800] * window))
        wanted = np.clip(0.08 * (20 * np.log10(np.maximum(1e-5, bands)) + 80) - 4, -4, 4)
        assert np.abs(mel[:, -1] - wanted).max() < 1e-6


@settings(deadline=None, max_examples=40)
@given(cuts=st.lists(st.integers(0, 2000), max_size=30), length=st.integers(0, 9000))
def test_any_chunks_give_the_columns_of_the_whole(cuts: list[int], length: int) -> None:
    signal, stream, at, columns = NOISE[:length], MelStream(), 0, []
    for size in cuts:
        columns.append(stream.push(signal[at : at + size]))
        at += size
    columns += [stream.push(signal[at:]), stream.flush()]
    assert np.array_equal(np.concatenate(columns, axis=1), mel_spectrogram(signal))


def test_a_column_leaves_as_soon_as_its_samples_are_in() -> None:
    stream = MelStream()
    given_after = [stream.push(NOISE[i : i + 1]).shape[1] for i in range(2000)]
    leaves_at = np.nonzero(given_after)[0] + 1  # samples in
    assert leaves_at.tolist() == [401, *range(600, 2001, 200)]


def test_flush_and_reset_forget_everything() -> None:
    stream = MelStream()
    first = np.concatenate([stream.push(NOISE[:5000]), stream.flush()], axis=1)
    again = np.concatenate([stream.push(NOISE[:5000]), stream.flush()], axis=1)
    stream.push(NOISE[:333])
    stream.reset()
    third = np.concatenate([stream.push(NOISE[:5000]), stream.flush()], axis=1)
    assert np.array_equal(first, again)
    assert np.array_equal(first, third)


def test_a_long_stream_keeps_little() -> None:
    stream = MelStream()
    for _ in range(50):
        stream.push(NOISE)
    assert len(stream._samples) < 3000


def test_the_scale_is_slaneys() -> None:
    assert hz_to_mel([0, 200, 1000, 6400]) == pytest.approx([0, 3, 15, 42])
    assert mel_to_hz(hz_to_mel([55, 999, 1001, 7600])) == pytest.approx([55, 999, 1001, 7600])
    assert (mel_filters().sum(1) > 0).all()  # no band is empty


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        MelStream().push(np.zeros((10, 2), np.float32))
