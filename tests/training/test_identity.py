"""The identity network learns and is written; its views and scenes are what they say; the judge sees a wrong face."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync_edge.models.spec import load_spec
from lipsync_edge.types import Face, Frame
from tests.render.exemplars import faces
from training.evaluate.identity import judge
from training.evaluate.identity_thresholds import choose
from training.fit import Plan, fit
from training.identity import scenes, train
from training.identity.begin import begin_from, weights_of
from training.identity.store import SIDE as STORED
from training.identity.views import SIDE, make_view


def stored(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A picture of blots and the landmarks of an upright face in it."""
    crop = rng.integers(0, 256, (STORED, STORED, 3), dtype=np.uint8)
    xy = np.asarray(faces.points(opening=0.1), np.float32) * 96 + 16
    return crop, np.hstack([xy, np.zeros((78, 1), np.float32)]).astype(np.float32)


def small_store(people: int = 6) -> train.Store:
    rng = np.random.default_rng(0)
    made = [stored(rng) for _ in range(people)]
    crops, points = (np.stack([one[k] for one in made]) for k in (0, 1))
    speaks = np.arange(people) >= people - 2
    return train.Store(crops, points, np.arange(people), speaks)


def test_views_differ_and_keep_their_form() -> None:
    rng = np.random.default_rng(1)
    crop, points = stored(rng)
    views = [make_view(rng, crop, points, crop[::-1].copy(), mirror) for mirror in (False, True, False)]
    assert all(view.shape == (SIDE, SIDE, 3) and view.dtype == np.uint8 for view in views)
    assert not np.array_equal(views[0], views[2])


def test_it_learns_and_exports(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    store = small_store()
    loss, seen = train.IdentityLoss(store, size=8), []

    def watched(net: torch.nn.Module) -> dict[str, torch.Tensor]:
        terms = loss(net)
        seen.append(float(terms["class"].detach()))
        return terms

    mean = fit(
        train.WithWeights(store.count), watched, Plan(minutes=5, rate=1e-3, steps=24, warmup=4), tmp_path
    )
    assert train.TIMES == 2  # every batch is seen twice: the second time it is known better
    assert np.mean(seen[1::2]) < 0.9 * np.mean(seen[::2])
    worst = train.write(mean.net, tmp_path / "net.onnx")
    assert max(worst.values()) <= load_spec("edge_identity").atol


def test_it_goes_on_from_a_graph(tmp_path: Path) -> None:
    torch.manual_seed(0)
    before = train.IdentityNet().eval()
    with torch.no_grad():
        for module in before.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                assert module.running_mean is not None
                module.running_mean.normal_(0, 0.1)
                module.bias.normal_(0, 0.2)
                module.weight.uniform_(0.5, 2)
    faces_in = torch.rand(64, 3, 64, 64) * 2 - 1
    want = torch.nn.functional.normalize(before(faces_in)).detach()
    train.write(before, tmp_path / "net.onnx")  # folds `before`
    after = train.IdentityNet()
    begin_from(after, tmp_path / "net.onnx", lambda: faces_in)
    after.eval()
    torch.testing.assert_close(torch.nn.functional.normalize(after(faces_in)), want, atol=1e-4, rtol=1e-3)
    weights = weights_of(after, lambda who: faces_in[who], 6)
    torch.testing.assert_close(weights, want[:6], atol=1e-4, rtol=1e-3)
    after.train()
    after.last[1].eval()  # dropout
    learning = torch.nn.functional.normalize(after(faces_in)).detach()
    assert float((learning * want).sum(1).min()) > 0.999  # norms of the batch undo nothing


def test_thresholds_are_those_with_the_fewest_switches_then_wrong_frames_then_the_most_held() -> None:
    def row(same: float, switches: int, wrong: int, held: int) -> dict[str, float]:
        return {
            "same": same,
            "other": 0.2,
            "switches": switches,
            "wrong_frames": wrong,
            "held": held,
            "seen": 1000,
        }

    rows = [
        row(0.3, 1, 1, 1000),
        row(0.4, 0, 4, 999),
        row(0.5, 0, 2, 990),
        row(0.6, 0, 2, 991),
        row(0.7, 0, 2, 991),
    ]
    assert choose(rows)["same"] == 0.7
    others = [rows[-1] | {"other": other} for other in (0.1, 0.3, 0.4)]
    assert choose([*rows, *others])["other"] == 0.2
    assert choose([*rows, row(0.8, 0, 0, 10)])["same"] == 0.8


def test_people_who_are_held_out_are_not_learnt_from(tmp_path: Path) -> None:
    names = [f"faces/a/{k:04}" for k in range(30)] + ["train/s1", "train/s20", "train/s34"]
    crops = np.zeros((33, STORED, STORED, 3), np.uint8)
    np.savez(
        tmp_path / "store.npz", crops=crops, points=np.zeros((33, 78, 3), np.float32), names=np.array(names)
    )
    learnt, kept = (train.load_store(tmp_path / "store.npz", held_out=out) for out in (False, True))
    assert (len(learnt.crops), len(kept.crops)) == (29, 4)
    assert learnt.speaks.sum() == 1
    assert kept.speaks.sum() == 2


def test_choosing_and_reporting_have_nobody_in_common() -> None:
    assert not set(scenes.CHOOSE) & set(scenes.REPORT)


@pytest.mark.parametrize("name", ["swap", "cross", "leave"])
def test_the_judge_sees_wrong_faces_and_right_ones(name: str) -> None:
    film = [np.full((scenes.HEIGHT, scenes.TILE, 3), 90, np.uint8)] * 4
    made = scenes.scene(name, [film, film], 1)

    def given(other_way: bool) -> list[Frame]:
        out = []
        for i, where in enumerate(made.places):
            people = {0: 1, 1: 0} if other_way and len(where) == 2 else {0: 0, 1: 1}
            boxes = {
                who: where[there][0] + scenes.TILE * where[there][1] / 2
                for who, there in people.items()
                if there in where
            }
            shown = tuple(
                Face(np.array([x - 50, 100, x + 50, 200], np.float32), identity=who)
                for who, x in boxes.items()
            )
            out.append(Frame(i, Fraction(i, 25), made.pictures[i], faces=shown))
        return out

    right, wrong = judge(made, given(False)), judge(made, given(True))
    assert right["switches"] == 0
    assert right["held"] == right["seen"] > 0
    assert wrong["switches"] > 0
    assert wrong["held"] < right["held"]
