"""The mix to mono: what people hear over two loudspeakers is there, however it was cut and whatever its phase."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipsync_edge.audio.alignment import FeatureStream
from lipsync_edge.audio.mono import MonoMix
from lipsync_edge.audio.reader import read_audio, read_mono
from lipsync_edge.errors import InputError
from lipsync_edge.models.spec import AudioWindow

RATE = 16_000


def speech(seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    """Noise that comes and goes four times a second, float32 (n,)."""
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(size=len(t)) * 0.2
    return (noise * (np.sin(2 * np.pi * 4 * t) > 0)).astype(np.float32)


def quarter_and_more(wave: np.ndarray, degrees: float) -> np.ndarray:
    """The wave with the phase of every frequency turned."""
    return np.fft.irfft(np.fft.rfft(wave) * np.exp(1j * np.radians(degrees)), len(wave)).astype(np.float32)


def level(wave: np.ndarray) -> float:
    return float(np.sqrt(np.mean(wave.astype(np.float64) ** 2)))


def test_channels_in_phase_are_averaged_to_the_bit() -> None:
    wave, other = speech(), speech(seed=1)
    for right in (wave, wave * np.float32(0.3), np.zeros_like(wave), wave * np.float32(0.8) + other):
        pair = np.stack([wave, right], 1)
        assert np.array_equal(
            MonoMix(RATE).push(pair), pair.mean(axis=1, dtype=np.float64).astype(np.float32)
        )


@pytest.mark.parametrize("right_is", [1.0, 0.5, 2.0])
def test_a_channel_turned_round_is_turned_back(right_is: float) -> None:
    wave = speech()
    right = np.float32(right_is) * wave
    mixed = MonoMix(RATE).push(np.stack([wave, -right], 1))
    begun = np.flatnonzero(wave)[0] // 160 * 160 + 320  # a block to see it, a block to change
    assert np.abs(mixed - (wave + right) / 2)[begun:].max() < 1e-6


@pytest.mark.parametrize("degrees", [0, 60, 90, 120, 135, 150, 180, 210])
def test_no_phase_makes_a_voice_vanish(degrees: float) -> None:
    wave = speech(2.0)
    mixed = MonoMix(RATE).push(np.stack([wave, quarter_and_more(wave, degrees)], 1))
    assert level(mixed[RATE // 2 :]) > 0.49 * level(wave)


def test_it_changes_and_changes_back_without_a_click() -> None:
    t = np.arange(3 * RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 100 * t)).astype(np.float32)
    sign = np.where((t > 1) & (t < 2), -1, 1).astype(np.float32)
    mixed = MonoMix(RATE).push(np.stack([tone, tone * sign], 1))
    for second in (0.3, 1.3, 2.3):
        assert level(mixed[round(second * RATE) : round((second + 0.5) * RATE)]) == pytest.approx(
            level(tone), rel=0.01
        )
    assert np.abs(np.diff(mixed)).max() < 0.1


@pytest.mark.parametrize("cut", [1, 7, 160, 161, 4096])
def test_how_it_is_cut_does_not_matter(cut: int) -> None:
    wave = speech(0.4)
    pair = np.stack([wave, -wave], 1)
    pair[3000:4000, 1] *= -1
    whole = MonoMix(RATE).push(pair)
    mix = MonoMix(RATE)
    pieces = [mix.push(pair[i : i + cut]) for i in range(0, len(pair), cut)]
    assert np.array_equal(np.concatenate([mix.push(pair[:0]), *pieces]), whole)
    mix.reset()
    assert np.array_equal(mix.push(pair), whole)
    coarse = np.rint(pair * 32767).astype(np.int16)
    assert np.array_equal(MonoMix(RATE).push(coarse), MonoMix(RATE).push(coarse / np.float32(32768)))


def test_every_reader_hears_an_inverted_channel(tmp_path: Path) -> None:
    wave = speech(2.0)
    soundfile.write(str(tmp_path / "inverted.wav"), np.stack([wave, -wave], 1), RATE, subtype="FLOAT")
    heard = read_audio(tmp_path / "inverted.wav")
    assert level(heard) > 0.95 * level(wave)
    live = np.concatenate(list(read_mono(tmp_path / "inverted.wav", 48_000)))
    assert level(live) > 0.85 * level(wave)  # without what lies above 7.5 kHz

    def mel(*pieces: np.ndarray) -> np.ndarray:
        stream = FeatureStream(AudioWindow(), rate=RATE)
        for piece in pieces:
            stream.push(piece)
        stream.end()
        return stream.window(Fraction(1)).features

    pair = np.stack([wave, -wave], 1)
    assert np.array_equal(mel(pair), mel(*np.array_split(pair, 37)))
    assert np.abs(mel(pair) - mel(wave)).max() < 1e-3


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
@pytest.mark.parametrize("kind", [np.float32, np.int16])
def test_time_may_stand_first_or_last(channels: int, kind: type[np.generic]) -> None:
    wave = (speech(0.1) * 3000).astype(kind)
    many = np.repeat(wave[:, None], channels, 1)
    want = MonoMix(RATE).push(wave)
    for pcm in (many, many.T, np.ascontiguousarray(many.T)):
        assert np.abs(MonoMix(RATE).push(pcm) - want).max() <= 1e-6 * np.abs(want).max()


@pytest.mark.parametrize("shape", [(9, 9), (480, 640), (1, 1, 1600), ()])
def test_what_is_no_sound_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        MonoMix(RATE).push(np.zeros(shape, np.float32))


def test_a_stream_hears_a_row_as_speech() -> None:
    wave = speech(1.0)
    stream = FeatureStream(AudioWindow(), rate=RATE)
    stream.push(wave[None])
    stream.push(wave[None, :0])
    assert stream.duration == 1
