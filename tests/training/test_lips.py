"""The lip network's parts: mouth coefficients, windows, losses that fall, and a graph that computes the same."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.lips import coefficients as shape  # noqa: E402
from training.lips.assemble import Lips, check, export_lips  # noqa: E402
from training.lips.discriminator import Adversary  # noqa: E402
from training.lips.mouth_renderer import renderer_losses, shipped, steady, warm_start  # noqa: E402
from training.lips.networks import COLOURS, WINDOW, AudioEncoder, AudioEncoders, MouthRenderer, compose  # noqa: E402
from training.lips.views import MOVING, STILL, carry, mouth_mask  # noqa: E402


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


def test_the_first_coefficient_is_the_opening_and_a_shut_mouth_is_zero(
    talking: tuple[np.ndarray, ...],
) -> None:
    points, clip, opening = talking
    model, coefficients = shape.fit_shape(points, clip, np.ones(len(points)))
    assert abs(np.corrcoef(coefficients[:, 0], opening)[0, 1]) > 0.999
    moved = model.displacement(coefficients)
    lower = [MOVING.index(i) for i in shape.LOWER_INNER]
    made = moved[:, lower, 1].mean(1) * 100
    assert np.allclose(made - made.min(), opening - opening.min(), atol=0.5)
    assert abs(made[opening < 3].mean()) < 1.5  # zero is the speaker's own shut mouth


def test_composing_shows_the_window_and_flow_carries_into_it() -> None:
    face = torch.rand(1, 3, 256, 256)
    left, top = round(WINDOW[0] * 256), round(WINDOW[1] * 256)
    window = face[:, :, top : top + 128, left : left + 128]
    still, nothing, black = (
        torch.zeros(1, 2, 64, 64),
        torch.zeros(1, 1, 128, 128),
        torch.zeros(1, 3, 128, 128),
    )
    assert torch.allclose(compose(face, still, nothing, black), window, atol=1e-4)
    moved = compose(face, still + 8 / 256, nothing, black)
    assert torch.allclose(moved[:, :, :-8, :-8], window[:, :, 8:, 8:], atol=1e-4)
    assert torch.allclose(compose(face, still, nothing + 1, black), black)


def test_an_untrained_mouth_renderer_leaves_the_face_alone_and_gives_skin() -> None:
    face = torch.full((1, 3, 128, 128), 0.4)
    with torch.no_grad():
        flow, logits, interior, _ = MouthRenderer().eval()(face, torch.zeros(1, 8))
    assert flow.abs().max() < 1e-2
    assert (logits < -1).all()
    assert torch.allclose(interior, face, atol=0.03)


def test_the_mask_lies_where_the_lips_are_in_the_window() -> None:
    points = np.zeros((468, 2), np.float32)
    turn = np.linspace(0, 2 * np.pi, len(shape.INNER), endpoint=False)
    centre = np.array([64.0, 84.0])
    points[list(shape.INNER)] = centre + np.stack([10 * np.cos(turn), 4 * np.sin(turn)], -1)
    mask = mouth_mask(points)
    rows, columns = np.nonzero(mask > 0.5)
    corner = np.array([WINDOW[0], WINDOW[1]]) * 128
    middle = (np.array([columns.mean(), rows.mean()]) + 0.5) / 2 - 0.5 + corner
    assert np.abs(middle - centre).max() < 0.6
    assert 17 < (columns.max() - columns.min()) / 2 < 23


def test_a_discriminator_learns_to_tell_made_from_real_and_the_mouth_renderer_pays(tmp_path: Path) -> None:
    torch.manual_seed(0)
    adversary = Adversary(tmp_path / "discriminator.pt")
    real, made, mask = (
        torch.rand(4, 3, 128, 128),
        torch.full((4, 3, 128, 128), 0.5),
        torch.ones(4, 1, 128, 128),
    )
    weight, same = torch.ones(4, 1, 16, 16), torch.ones(4)
    for _ in range(15):
        adversary.learn((real, mask), (made, mask), weight)
    assert (
        adversary.losses(made, real, mask, weight, same)["fooled"]
        > adversary.losses(real, real, mask, weight, same)["fooled"]
    )
    # spectral norms move a little
    assert float(adversary.losses(real, real, mask, weight, same)["match"]) < 0.02
    open_to_blame = made.clone().requires_grad_(True)
    sum(adversary.losses(open_to_blame, real, mask, weight, same).values()).backward()
    assert open_to_blame.grad is not None
    assert open_to_blame.grad.abs().sum() > 0


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
    mask[:, :, 40:56, 44:84] = 1
    fine = torch.nn.functional.interpolate(torch.rand(2, 3, 12, 12), size=(256, 256), mode="bilinear")
    return {
        "reference": torch.nn.functional.avg_pool2d(fine, 2),
        "fine": fine,
        "target": fine[:, :, 112:240, 64:192] * 0.7,
        "coefficients": torch.randn(2, 8),
        "seen": torch.randn(2, 8),
        "later": torch.randn(2, 8),
        "to": torch.from_numpy(to.astype(np.float32)),
        "come_from": torch.from_numpy((to + 3).astype(np.float32)),
        "mask": torch.from_numpy(mask),
        "pictured": torch.tensor([1.0, 0.0]),
        "sharp": torch.tensor([1.0, 0.0]),
        "real": fine[:, :, 112:240, 64:192],
        "real_mask": torch.from_numpy(mask),
        "real_sharp": torch.tensor([1.0, 0.0]),
    }


def test_a_few_steps_make_the_mouth_renderer_better() -> None:
    torch.manual_seed(0)
    net, one = MouthRenderer(), batch()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3)
    totals = []
    for _ in range(30):
        terms = renderer_losses(net, one)
        total = sum(terms.values(), torch.zeros(()))
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(float(total.detach()))
    assert totals[-1] < 0.8 * totals[0]


def test_a_warm_start_does_what_the_earlier_one_did(tmp_path: Path) -> None:
    torch.manual_seed(0)
    earlier, later = MouthRenderer().eval(), MouthRenderer().eval()
    torch.nn.init.normal_(earlier.look.bias)
    old = earlier.state_dict()
    torch.nn.init.zeros_(old["code.0.weight"][:, 8:])
    kept = {k: v for k, v in old.items() if not k.startswith("estimate")}
    kept["code.0.weight"] = kept["code.0.weight"][:, :8]
    torch.save({"mean": kept}, tmp_path / "last.pt")
    assert warm_start(later, tmp_path / "last.pt") == len(kept)
    face, coefficients = torch.rand(1, 3, 128, 128), torch.randn(1, 8)
    with torch.no_grad():
        for a, b in zip(earlier(face, coefficients)[:3], later(face, coefficients)[:3], strict=True):
            assert torch.allclose(a, b, atol=1e-6)


def test_codes_along_known_axes_are_those_of_the_fit(talking: tuple[np.ndarray, ...]) -> None:
    points, clip, _ = talking
    model, coefficients = shape.fit_shape(points, clip, np.ones(len(points)))
    again, own = shape.codes_in(model, points, clip, np.ones(len(points)))
    assert np.allclose(again[:, 0], coefficients[:, 0], atol=1e-3)
    # finer labels that move twice as far: the same coefficients, and a model in which they mean twice as much
    shut = np.stack([points[clip == c][0] for c in clip])
    wide, doubled = shape.codes_in(model, shut + 2 * (points - shut), clip, np.ones(len(points)))
    assert np.allclose(np.linalg.norm(doubled.basis[0]), 2 * np.linalg.norm(own.basis[0]), rtol=0.05)
    assert np.corrcoef(wide[:, 0], again[:, 0])[0, 1] > 0.999


def test_an_inside_that_changes_in_place_is_paid_for() -> None:
    mask = torch.zeros(2, 1, 128, 128)
    mask[:, :, 40:56, 44:84] = 1
    inside, lower = torch.rand(2, 3, 128, 128), mask.clone()
    lower[:, :, 50:56] = 0
    assert float(steady((mask, inside), (mask, inside))) == 0
    flash = float(steady((mask, inside), (mask, inside + 0.2)))
    assert flash > 0.2
    assert (
        float(steady((mask, torch.full_like(inside, 0.5)), (lower, torch.full_like(inside, 0.5))))
        < 0.5 * flash
    )


def test_the_shipped_renderer_is_read_back() -> None:
    renderer, path = MouthRenderer(), Path("models_onnx/edge_lips.fp32.onnx")
    assert warm_start(renderer, path) == len(renderer.state_dict())
    weights = shipped(path)
    assert torch.equal(renderer.flow.weight.detach(), weights["flow.weight"])


def test_a_warm_start_leaves_what_it_has_no_place_for(tmp_path: Path) -> None:
    renderer = MouthRenderer()
    old = {"look.bias": torch.arange(16.0), "gone.bias": torch.zeros(4)}
    torch.save({"mean": old}, tmp_path / "last.pt")
    assert warm_start(renderer, tmp_path / "last.pt") == 1
    assert torch.equal(renderer.look.bias.detach(), torch.arange(4.0))


@pytest.mark.parametrize(("blue", "green"), [(-1e3, 1e3), (1e3, -1e3), (0.0, 0.0)])
def test_no_tint_makes_a_colour_that_mouths_do_not_have(blue: float, green: float) -> None:
    renderer = MouthRenderer().eval()
    torch.nn.init.zeros_(renderer.tint[-1].weight)
    renderer.tint[-1].bias.data = torch.tensor([-1e3, blue, green]).repeat(len(COLOURS))
    grey = 0.4 * torch.rand(2, 1, 128, 128).expand(-1, 3, -1, -1)  # on a grey skin a colour is its tint
    with torch.no_grad():
        b, g, r = torch.log(renderer(grey, torch.randn(2, 8))[2]).unbind(1)
    assert torch.allclose((b - r).mean(), torch.tensor(np.sign(blue) * 2 * 0.45, dtype=b.dtype), atol=1e-3)
    assert torch.allclose(g - (b + r) / 2, torch.tensor(np.sign(green) * 0.3, dtype=b.dtype), atol=1e-3)


def test_the_exported_graph_computes_the_same(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = Lips(AudioEncoders([AudioEncoder(), AudioEncoder()]), MouthRenderer()).eval()
    path = tmp_path / "edge_lips.fp32.onnx"
    export_lips(net, path)
    assert check(net, path) < 1e-4
