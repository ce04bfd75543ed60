"""The audio encoder's parts: phones as features, stretches like windows, lips that shut, and figures."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lipsync_edge.audio.front_end import front_end  # noqa: E402
from lipsync_edge.models.spec import load_spec  # noqa: E402
from training.lips.coefficients import COEFFICIENTS, MOVING, ShapeModel  # noqa: E402
from training.voice.encoders import windows  # noqa: E402
from training.voice.finish import Finish, Finished, fused  # noqa: E402
from training.voice.losses import heard_losses  # noqa: E402
from training.voice.measures import fixed_readout, measures  # noqa: E402
from training.voice.network import COLUMNS, OFFSET, STRIDE, Encoder  # noqa: E402
from training.voice.sampler import LENGTH, OUTPUTS, Sampler  # noqa: E402
from training.voice.utterance import Utterance, load, save  # noqa: E402


@pytest.fixture
def model() -> ShapeModel:
    """A basis whose readout has full rank."""
    rng = np.random.default_rng(5)
    basis = rng.normal(0, 0.02, (COEFFICIENTS, len(MOVING), 2)).astype(np.float32)
    return ShapeModel(basis, np.zeros((COEFFICIENTS, 7), np.float32), np.zeros((468, 2), np.float32))


@pytest.fixture
def net() -> Encoder:
    """An encoder whose batch norms have seen something."""
    torch.manual_seed(0)
    net = Encoder(16).train()
    for _ in range(3):
        net(torch.randn(4, 80, COLUMNS + 20))
    return net.eval()


def utterances(rng: np.random.Generator) -> list[Utterance]:
    made = []
    for i, columns in enumerate((300, 90, 500)):
        features = rng.integers(-1, 2, (columns, 23)).astype(np.int8)
        coefficients = rng.normal(size=(columns, COEFFICIENTS)).astype(np.float16)
        mel = rng.uniform(-4, 1, (80, columns)).astype(np.float16)
        made.append(Utterance("grid", f"s{i}", mel, features, coefficients[: 0 if i == 1 else None], i == 0))
    return made


def test_lips_shut_on_p_and_lower_lip_is_bitten_on_f() -> None:
    pytest.importorskip("panphon")
    from training.voice.articulation import LABIODENTAL, SHUT, SILENCE, Segment, features_at

    said = features_at([Segment("p", 0.1, 0.2), Segment("f", 0.2, 0.3), Segment("aʊ", 0.3, 0.5)], 48)
    assert (said[8:16, SHUT] == 1).all()
    assert (said[16:24, LABIODENTAL] == 1).all()
    assert (said[16:48, SHUT] == -1).all()
    assert (said[:8, SILENCE] == 1).all()
    assert (said[8:40, SILENCE] == -1).all()
    assert (said[24] != said[39]).any()  # the two halves of a diphthong


def test_a_stretch_gives_what_its_windows_give(net: Encoder) -> None:
    mel = torch.randn(1, 80, COLUMNS + STRIDE * 6)
    with torch.no_grad():
        stretch = net(mel)
        for i in range(7):
            window = net(mel[:, :, STRIDE * i : STRIDE * i + COLUMNS])
            assert torch.allclose(stretch[:, :, i : i + 1], window, atol=1e-5)


def test_the_window_is_the_card_s_and_looks_ahead_less_than_240_ms() -> None:
    audio = load_spec("edge_lips").audio
    assert audio is not None
    assert (audio.columns, audio.offset) == (COLUMNS, OFFSET)
    assert front_end(audio).lookahead(audio) * 1000 <= 240
    mel = np.tile(np.arange(200, dtype=np.float32), (80, 1))
    assert windows(mel, np.array([1.0]), COLUMNS, OFFSET)[0, 0, -OFFSET] == 80


def test_batch_norms_fold_into_the_convolutions(net: Encoder) -> None:
    mel = torch.randn(2, 1, 80, COLUMNS)
    with torch.no_grad():
        assert torch.allclose(fused(net.spectrum)(mel), net.spectrum(mel), atol=1e-5)
    assert not any("Norm" in type(layer).__name__ for layer in fused(net.time).modules())


def test_gains_move_what_they_name_and_nothing_else(net: Encoder, model: ShapeModel) -> None:
    mel, readout = torch.randn(3, 80, COLUMNS), fixed_readout(model)
    with torch.no_grad():
        plain = net(mel)[:, :, 0].numpy() @ readout.T
        made = Finished(net, Finish((1.0, 3.0, 1.0), 1.0, -60.0), model)(mel)[:, :, 0].numpy() @ readout.T
    assert np.allclose(made, plain * (1, 3, 1), atol=1e-5)


def test_lips_that_are_heard_shut_take_the_opening_away(net: Encoder, model: ShapeModel) -> None:
    mel, readout = torch.randn(3, 80, COLUMNS), fixed_readout(model)
    with torch.no_grad():
        plain = net(mel)[:, :, 0].numpy() @ readout.T
        shut = Finished(net, Finish(bias=60.0, slope=0.0), model)(mel)[:, :, 0].numpy() @ readout.T
    assert np.allclose(shut[:, 0], np.minimum(plain[:, 0], 0), atol=1e-5)
    assert np.allclose(shut[:, 1:], plain[:, 1:], atol=1e-5)


def test_a_batch_counts_only_what_is_known() -> None:
    sampler = Sampler({"grid": utterances(np.random.default_rng(0))}, 24, 0)
    batch = sampler.batch()
    assert batch.mel.shape == (24, 80, LENGTH)
    assert batch.coefficients.shape == (24, COEFFICIENTS, OUTPUTS)
    # nobody, guessed, seen
    assert {round(value, 3) for value in batch.mouth.unique().tolist()} == {0.0, 0.8, 1.0}


def test_the_right_mouth_costs_less_than_a_shifted_one() -> None:
    batch = Sampler({"grid": utterances(np.random.default_rng(0))}, 8, 0).batch()
    readout = torch.from_numpy(np.random.default_rng(1).normal(0, 0.03, (3, COEFFICIENTS))).float()
    phones = torch.zeros_like(batch.features)
    right = heard_losses(batch.coefficients, phones, batch, readout)
    wrong = heard_losses(batch.coefficients.roll(3, 2), phones, batch, readout)
    for name in ("value", "meant", "speed", "likeness"):
        assert right[name] < wrong[name]


def test_utterances_are_read_as_they_were_written(tmp_path: Path) -> None:
    made = utterances(np.random.default_rng(0))
    save(made, tmp_path / "some.npz")
    for one, other in zip(made, load(tmp_path / "some.npz"), strict=True):
        assert (one.group, one.speaker, one.seen) == (other.group, other.speaker, other.seen)
        for name in ("mel", "features", "coefficients"):
            assert (getattr(one, name) == getattr(other, name)).all()


def test_measures_are_in_eye_distances_and_do_not_depend_on_the_picture_s_size() -> None:
    points = np.random.default_rng(2).normal(size=(4, 478, 3))
    assert np.allclose(measures(points), measures(points * 7 + 3))
    wider = points.copy()
    wider[:, 291] += 2 * (points[:, 291] - points[:, 61])
    assert np.allclose(measures(wider)[:, 1], 3 * measures(points)[:, 1])
