"""The lip network's parts: shape codes, windows, losses that fall, and a graph that computes the same."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from export.train import lips_shape as shape  # noqa: E402
from export.train.lips import Lips, check, export_lips  # noqa: E402
from export.train.lips_audio import COLUMNS, OFFSET, disguise, motion_losses, windows  # noqa: E402
from export.train.lips_faces import MOVING, STILL, carry  # noqa: E402
from export.train.lips_hand import hand_losses  # noqa: E402
from export.train.lips_networks import Ear, Hand, compose  # noqa: E402
from lipsync_edge.card import load_card  # noqa: E402


@pytest.fixture
def talking() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Made-up meshes of two speakers whose lower lips open by a known amount: points, clip, opening."""
    rng = np.random.default_rng(0)
    points, clips, openings = [], [], []
    face = rng.uniform(-1, 1, (468, 2)) * 60
    face[33], face[263] = (-50, 0), (50, 0)
    upper, lower = list(shape.UPPER_INNER), list(shape.LOWER_INNER)
    face[upper] = face[lower] = np.stack([np.linspace(-10, 10, 7), np.full(7, 40)], -1)
    for clip in range(2):
        for opening in np.abs(np.sin(np.arange(60) / 5)) * 12:
            mesh = face.copy()
            mesh[lower] += (0, opening)
            points.append(mesh + rng.uniform(-200, 200, 2))
            clips.append(clip)
            openings.append(opening)
    return np.array(points), np.array(clips), np.array(openings)


def test_the_first_code_is_the_opening_and_a_shut_mouth_is_zero(talking: tuple[np.ndarray, ...]) -> None:
    points, clip, opening = talking
    model, codes = shape.fit_shape(points, clip, np.ones(len(points)))
    assert abs(np.corrcoef(codes[:, 0], opening)[0, 1]) > 0.999
    moved = model.displacement(codes)
    lower = [MOVING.index(i) for i in shape.LOWER_INNER]
    made = moved[:, lower, 1].mean(1) * 100
    assert np.allclose(made - made.min(), opening - opening.min(), atol=0.5)
    assert abs(made[opening < 3].mean()) < 1.5  # zero is the speaker's own shut mouth


def test_windows_begin_where_the_card_says() -> None:
    audio = load_card("edge_lips").audio
    assert audio is not None
    assert (audio.columns, audio.offset) == (COLUMNS, OFFSET)
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


def test_the_ear_hears_stretches_as_it_hears_single_windows() -> None:
    ear = Ear().eval()
    mel = torch.randn(1, 80, 45)
    with torch.no_grad():
        whole = ear(mel)[0].T
        single = torch.cat([ear(mel[:, :, i : i + COLUMNS])[:, :, 0] for i in range(16)])
    assert whole.shape == single.shape
    assert torch.allclose(whole, single, atol=1e-5)


def test_an_untrained_hand_leaves_the_face_alone_and_flow_carries_it() -> None:
    face = torch.rand(1, 3, 128, 128)
    still = torch.zeros(1, 2, 64, 64)
    nothing = torch.zeros(1, 1, 128, 128)
    assert torch.allclose(compose(face, still, nothing, face), face, atol=1e-5)
    moved = compose(face, still + 8 / 128, nothing, face)
    assert torch.allclose(moved[:, :, :100, :100], face[:, :, 8:108, 8:108], atol=1e-4)


def test_carrying_shows_the_point_that_was_asked_for() -> None:
    rng = np.random.default_rng(2)
    at = rng.uniform(20, 108, (468, 2)).astype(np.float32)
    come_from = at.copy()
    come_from[MOVING] += np.float32((0, 5))
    come_from[STILL] = at[STILL]
    x, y = carry(at, come_from)
    spot = at[MOVING[0]].round().astype(int)
    assert abs(float(y[spot[1], spot[0]]) - spot[1]) > 0.5
    assert x.shape == y.shape == (128, 128)


def batch() -> dict[str, "torch.Tensor"]:
    rng = np.random.default_rng(3)
    to = np.tile(np.array([64, 80]), (2, len(MOVING) + len(STILL), 1)) + rng.uniform(
        -12, 12, (2, len(MOVING) + len(STILL), 2)
    )
    mask = np.zeros((2, 1, 128, 128), np.float32)
    mask[:, :, 76:84, 54:74] = 1
    pictures = torch.rand(2, 3, 128, 128)
    return {
        "reference": pictures,
        "target": pictures * 0.7,
        "code": torch.randn(2, 8),
        "to": torch.from_numpy(to.astype(np.float32)),
        "come_from": torch.from_numpy((to + 3).astype(np.float32)),
        "mask": torch.from_numpy(mask),
        "pictured": torch.tensor([1.0, 0.0]),
    }


def test_a_few_steps_make_the_hand_better() -> None:
    torch.manual_seed(0)
    net, one = Hand(), batch()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3)
    totals = []
    for _ in range(12):
        terms = hand_losses(net, one)
        total = sum(terms.values(), torch.zeros(()))
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(float(total.detach()))
    assert totals[-1] < 0.8 * totals[0]


def test_motion_losses_are_zero_for_the_truth_alone() -> None:
    real = torch.randn(3, 24, 8)
    assert sum(float(v) for v in motion_losses(real, real).values()) < 0.02
    wrong = motion_losses(torch.zeros_like(real), real)
    assert wrong["likeness"] > 0.2
    assert wrong["amplitude"] > 0.1


def test_the_exported_graph_computes_the_same(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = Lips(Ear(), Hand()).eval()
    path = tmp_path / "edge_lips.fp32.onnx"
    export_lips(net, path)
    assert check(net, path) < 1e-4
