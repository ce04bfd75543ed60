"""The audio encoder's figures in a file's own time, with a short future, at phones; damaged voices; reading back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.voice.damage import CODECS, Codec, in_room, in_time, through  # noqa: E402
from training.voice.encoders import open_encoder, own_windows, shorter_future  # noqa: E402
from training.voice.finish import Finish, Finished  # noqa: E402
from training.voice.measure import LAGS, in_own_time  # noqa: E402
from training.voice.network import COLUMNS, OFFSET  # noqa: E402
from training.voice.phone_figures import Curves, closures_at  # noqa: E402
from training.voice.resume import FINISH, fit_norms, load_shipped_encoder  # noqa: E402

ROOT = Path(__file__).parents[2]
VOICE = ROOT / "models_onnx" / "edge_voice.fp32.onnx"


def speech_like(seconds: float = 2.0) -> np.ndarray:
    """A buzz that comes and goes, float32 16 kHz."""
    rng = np.random.default_rng(4)
    time = np.arange(int(seconds * 16_000)) / 16_000
    knots = np.arange(0, seconds + 0.1, 0.1)
    loud = np.interp(time, knots, rng.uniform(0, 1, len(knots)))
    buzz = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 12))
    return (0.15 * loud * buzz).astype(np.float32)


def test_a_clip_whose_sound_is_late_is_laid_on_its_pictures() -> None:
    rng = np.random.default_rng(0)
    curve = np.convolve(rng.normal(size=700), np.hanning(9), "same")
    at = np.arange(200) * 2 + 60  # 50 frames a second on a curve of 100
    real = np.stack([np.interp(at, np.arange(700), curve)] * 3, 1)
    late = 0.08
    curves = np.stack([np.interp(at + (lag - late) * 100, np.arange(700), curve) for lag in LAGS])
    moved, lags = in_own_time(np.repeat(curves[:, :, None], 3, 2), real)
    assert lags == pytest.approx([late, late])
    assert np.corrcoef(moved[:, 0], real[:, 0])[0, 1] > 0.999


def test_a_fit_of_time_does_not_help_a_voice_that_has_nothing_to_do_with_it() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(30):
        curves, real = rng.normal(size=(len(LAGS), 200, 3)), rng.normal(size=(200, 3))
        moved, _ = in_own_time(curves, real)
        found.append(np.corrcoef(moved[:, 0], real[:, 0])[0, 1])
    assert abs(np.mean(found)) < 0.06


def test_a_shorter_future_knows_nothing_that_comes_later() -> None:
    mel = np.random.default_rng(2).normal(size=(80, 200)).astype(np.float32)
    changed = mel.copy()
    changed[:, 80 + 5 :] += 1  # the frame at 1 s stands at column 80 and knows 5 columns from there on
    times = np.array([1.0])
    for way in ("held", "late"):
        window = shorter_future(5, way)
        assert np.array_equal(window(mel, times), window(changed, times))
        assert not np.array_equal(shorter_future(6, way)(mel, times), shorter_future(6, way)(changed, times))
    whole = own_windows(mel, times)
    assert np.array_equal(shorter_future(COLUMNS + OFFSET, "held")(mel, times), whole)
    assert np.array_equal(shorter_future(COLUMNS + OFFSET, "late")(mel, times), whole)


@pytest.mark.parametrize("codec", CODECS, ids=lambda c: f"{c.name}-{c.rate}-{c.bits}")
def test_a_codec_changes_a_voice_and_not_its_time(codec: Codec) -> None:
    import av

    try:
        av.Codec(codec.name, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip("this FFmpeg lacks it")
    samples = speech_like()
    out = through(samples, codec)
    assert out.shape == samples.shape
    assert not np.allclose(out, samples)
    envelopes = [np.convolve(np.abs(sound), np.full(400, 1 / 400), "same") for sound in (samples, out)]
    r = [
        np.corrcoef(envelopes[0][2000:-2000], np.roll(envelopes[1], k)[2000:-2000])[0, 1]
        for k in (-800, 0, 800)
    ]
    assert r[1] > 0.9
    assert r[1] == max(r)


def test_a_late_sound_is_moved_back() -> None:
    samples = speech_like()
    late = np.concatenate([np.zeros(1000, np.float32), samples])
    assert np.allclose(in_time(late, samples), samples, atol=1e-6)
    assert np.allclose(in_room(samples, np.random.default_rng(0)).std(), samples.std(), rtol=1e-3)


def test_the_shipped_encoder_is_read_back_and_its_norms_do_nothing() -> None:
    net = load_shipped_encoder(VOICE, Finish.load(FINISH.parent))
    mel = torch.from_numpy(np.random.default_rng(3).uniform(-4, 1, (6, 80, 300)).astype(np.float32))
    with torch.no_grad():
        before = net(mel)
        fit_norms(net, [mel])
        assert torch.allclose(net(mel), before, atol=1e-4)
        assert not torch.allclose(net.train()(mel), before, atol=1e-1)  # dropout and norms are at work again


def test_what_was_read_back_gives_what_the_graph_gives() -> None:
    from training.lips.coefficients import ShapeModel

    finish = Finish.load(FINISH.parent)
    model = ShapeModel.load(ROOT / "training" / "voice" / "shape.npz")
    again = Finished(load_shipped_encoder(VOICE, finish), finish, model).eval()
    mel = np.random.default_rng(5).uniform(-4, 1, (80, 200)).astype(np.float32)
    times = np.array([0.6, 1.0, 1.4])
    graph = open_encoder(VOICE)(mel, times)
    with torch.no_grad():
        made = again(torch.from_numpy(own_windows(mel, times)))[:, :, 0].numpy()
    assert np.allclose(made, graph, atol=1e-4)


def test_closures_count_where_lips_are_seen_shut_and_vowels_where_they_are_open() -> None:
    times = np.arange(25) / 25
    real = np.full((25, 3), 0.1)
    real[10, 0], real[20, 0] = 0.0, 0.0
    phones = [("P", 0.38, 0.42), ("M", 0.78, 0.82), ("AA", 0.16, 0.24), ("B", 0.56, 0.64)]
    made = real.copy()
    made[20, 0] = 0.1  # the second closure is missed
    counts = closures_at([Curves(phones, times, real, made)])
    assert (counts["said"], counts["seen"], counts["kept"]) == (3, 2, 1)
    assert (counts["vowels"], counts["open"]) == (1, 1)
    shut = closures_at([Curves(phones, times, real, np.zeros((25, 3)))])
    assert shut["open"] <= 1
