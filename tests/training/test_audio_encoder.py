"""The audio encoder: windows, other voices in time with the same mouth, what sounds behind, and what it learns from."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.data.noise import FLOOR, mixed, music, stretch_of, telephone  # noqa: E402
from training.data.voices import LETTERS, aligned, load_voices, sentence, voice_path  # noqa: E402
from training.lips.audio_encoder import COLUMNS, OFFSET, disguise, heard_losses, motion_losses, windows  # noqa: E402
from training.lips.networks import AudioEncoder, AudioEncoders  # noqa: E402


def test_windows_begin_where_the_first_encoder_hears() -> None:
    mel = np.tile(np.arange(200, dtype=np.float32), (80, 1))
    cut = windows(mel, np.array([0.0, 1.0, 2.49]))
    assert cut.shape == (3, 80, COLUMNS)
    assert cut[1, 0, 0] == 80 + OFFSET
    assert (cut[0, :, :-OFFSET] == -4).all()
    assert cut[2, 0, -1] == -4


def test_another_voice_keeps_its_shape_and_range() -> None:
    rng = np.random.default_rng(1)
    mel = rng.uniform(-4, 4, (80, 50)).astype(np.float32)
    for _ in range(20):
        made = disguise(mel, rng)
        assert made.shape == mel.shape
        assert made.dtype == np.float32
        assert np.abs(made).max() <= 4


def test_what_sounds_behind_stays_in_range_and_adds_power() -> None:
    rng = np.random.default_rng(3)
    tune = music(rng, 1.0)
    assert tune.shape[0] == 80
    assert tune.max() > FLOOR + 2
    assert stretch_of(tune, 300, rng).shape == (80, 300)
    both = mixed(tune, tune)
    assert np.allclose(both - tune, 0.08 * 10 * np.log10(2), atol=1e-3)  # twice the power is 3 dB
    assert (telephone(tune, rng)[75:] <= tune[75:].clip(min=FLOOR)).all()


def test_names_of_grid_spell_their_sentences() -> None:
    assert sentence("bbaf2n") == "bin blue at eff two now"
    assert sentence("lwwz9a") == "lay white with zed nine again"
    assert sentence("drpato_1600ms_ex2") is None
    assert len(LETTERS) == 25


def test_a_sentence_said_at_another_pace_is_laid_on_the_first_ones_time() -> None:
    rng = np.random.default_rng(4)
    knots = rng.uniform(-4, 2, (80, 12))
    at = np.linspace(0, 11, 160)
    slow = np.stack([np.interp(at, np.arange(12), row) for row in knots]).astype(np.float32)
    pace = 159 * (np.linspace(0, 1, 120) ** 1.3)
    fast = np.stack([np.interp(pace, np.arange(160), row) for row in slow]).astype(np.float32)
    laid = aligned(fast, slow)
    assert laid.shape == slow.shape
    naive = np.stack([np.interp(np.linspace(0, 119, 160), np.arange(120), row) for row in fast])
    assert np.abs(laid - slow)[:, 10:-10].mean() < 0.4 * np.abs(naive - slow)[:, 10:-10].mean()
    assert load_voices(voice_path(Path("nowhere"), "train/s1/bbaf2n.mkv")) == []


def test_the_audio_encoder_hears_stretches_as_it_hears_single_windows() -> None:
    encoder = AudioEncoder().eval()
    mel = torch.randn(1, 80, 45)
    with torch.no_grad():
        whole = encoder(mel)[0].T
        single = torch.cat([encoder(mel[:, :, i : i + COLUMNS])[:, :, 0] for i in range(16)])
    assert whole.shape == single.shape
    assert torch.allclose(whole, single, atol=1e-5)


def test_several_encoders_are_heard_as_their_mean() -> None:
    encoders, mel = [AudioEncoder().eval(), AudioEncoder().eval()], torch.randn(1, 80, 40)
    with torch.no_grad():
        each = [encoder(mel) for encoder in encoders]
        assert torch.allclose(AudioEncoders(encoders)(mel), (each[0] + each[1]) / 2)
    assert not torch.allclose(each[0], each[1])


def test_a_taught_encoder_comes_nearer_to_its_teachers() -> None:
    torch.manual_seed(2)
    encoder, teachers = AudioEncoder(), AudioEncoders([AudioEncoder(), AudioEncoder()]).eval()
    for teacher in teachers.ears:
        torch.nn.init.constant_(teacher.head[-1].bias, 1.0)
    columns = torch.arange(24).expand(2, -1)
    given = torch.randn(2, 80, 60), torch.randn(2, 24, 8), columns
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=2e-3)
    misses = []
    for _ in range(25):
        terms = heard_losses(encoder, given, teachers)
        optimiser.zero_grad()
        sum((v for k, v in terms.items() if k.startswith("taught")), torch.zeros(())).backward()
        optimiser.step()
        misses.append(float(terms["taught_value"].detach()))
    assert misses[-1] < 0.5 * misses[0]
    assert not any(key.startswith("taught") for key in heard_losses(encoder, given))
    assert all(p.grad is None for p in teachers.parameters())


def test_motion_losses_are_zero_for_the_truth_alone() -> None:
    real = torch.randn(3, 24, 8)
    assert sum(float(v) for v in motion_losses(real, real).values()) < 0.02
    wrong = motion_losses(torch.zeros_like(real), real)
    assert wrong["likeness"] > 0.2
    assert wrong["amplitude"] > 0.1
