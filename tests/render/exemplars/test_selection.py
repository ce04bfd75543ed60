"""Which exemplar is chosen: near in shape, pose and light, and in runs."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_edge.render.exemplars.look import Look
from lipsync_edge.render.exemplars.selection import (
    JUMP,
    Bank,
    Selector,
    reshaping,
    steps,
    strangeness,
)


def look(opening: float, *, yaw: float = 0.0, light: float = 120.0, seed: int = 0) -> Look:
    rng = np.random.default_rng(seed)
    return Look(
        shape=np.array([opening, 0.75, 1.2], np.float32),
        pose=np.array([yaw, 0, 0], np.float32),
        cheek=np.full(3, light, np.float32),
        sharpness=10.0,
        thumb=rng.uniform(0, 255, 720).astype(np.float32),
        rim=np.zeros(20, np.float32),
        inside=60.0,
        visible=1.0,
    )


def bank(openings: list[float], frames: list[int] | None = None) -> Bank:
    return Bank.of(frames or list(range(len(openings))), [look(o, seed=i) for i, o in enumerate(openings)])


def asked(opening: float) -> np.ndarray:
    return np.array([opening, 0.75, 1.2], np.float32)


def distances(bank: Bank, target: Look, shape: np.ndarray) -> np.ndarray:
    return strangeness(bank, target, shape) + reshaping(bank, shape)


def test_the_same_shape_pose_and_light_cost_nothing() -> None:
    cost = distances(bank([0.01, 0.1, 0.3]), look(0.2), asked(0.1))
    assert cost[1] == pytest.approx(0.0, abs=1e-6)
    assert cost[0] > 1
    assert cost[2] > 1


def test_lips_that_are_not_open_enough_cost_more_than_lips_that_are_too_far_open() -> None:
    ratio = 1.3
    low, high = (0.1 + 0.02) / ratio - 0.02, (0.1 + 0.02) * ratio - 0.02
    less, more = distances(bank([low, high]), look(0.1), asked(0.1))
    assert less > 2 * more


@pytest.mark.parametrize(("change", "cost"), [({"yaw": 6.0}, 1.0), ({"light": 128.0}, 1.0)])
def test_turned_heads_and_other_light_cost(change: dict[str, float], cost: float) -> None:
    assert distances(bank([0.1]), look(0.1, **change), asked(0.1))[0] == pytest.approx(cost, rel=1e-3)


def test_the_next_frame_of_the_film_is_free_and_a_jump_is_not() -> None:
    cost = steps(bank([0.1] * 4, [3, 4, 5, 40]))
    assert cost[0, 1] == 0.0
    assert 0 < cost[1, 1] < JUMP
    assert cost[1, 1] < cost[1, 0] < cost[1, 3]
    assert (cost[:3, 3] >= JUMP).all()


def test_a_run_of_the_film_is_followed() -> None:
    openings = [0.01, 0.05, 0.1, 0.2, 0.1, 0.05, 0.01]
    selector = Selector(bank(openings), 4)
    choices = [c for o in openings for c in selector.push(look(o), asked(o))] + selector.flush()
    assert [c.exemplar for c in choices] == list(range(7))
    assert not any(c.jumped for c in choices)


def brute(bank: Bank, targets: list[float]) -> float:
    cost, step = distances(bank, look(0.1), asked(targets[0])), steps(bank)
    for opening in targets[1:]:
        cost = (cost[:, None] + step).min(0) + distances(bank, look(0.1), asked(opening))
    return float(cost.min())


def chosen_cost(bank: Bank, targets: list[float], lag: int) -> float:
    selector, step = Selector(bank, lag), steps(bank)
    rows = [c for o in targets for c in selector.push(look(0.1), asked(o))] + selector.flush()
    assert len(rows) == len(targets)
    total = sum(
        float(distances(bank, look(0.1), asked(o))[c.exemplar]) for o, c in zip(targets, rows, strict=True)
    )
    return total + sum(float(step[a.exemplar, b.exemplar]) for a, b in zip(rows, rows[1:], strict=False))


def test_with_a_long_lag_it_is_the_best_way_there_is() -> None:
    rng = np.random.default_rng(3)
    some = bank(list(rng.uniform(0.01, 0.3, 12)), [0, 1, 2, 3, 10, 11, 12, 20, 21, 30, 31, 32])
    targets = list(rng.uniform(0.01, 0.3, 25))
    best = brute(some, targets)
    assert chosen_cost(some, targets, 25) == pytest.approx(best, rel=1e-4)
    assert best - 1e-3 <= chosen_cost(some, targets, 4) < 1.3 * best
    assert chosen_cost(some, targets, 4) <= chosen_cost(some, targets, 0) + 1e-3


def test_a_choice_comes_lag_frames_late_and_at_once_without_one() -> None:
    some = bank([0.1, 0.2])
    late, now = Selector(some, 3), Selector(some, 0)
    assert [len(late.push(look(0.1), asked(0.1))) for _ in range(5)] == [0, 0, 0, 1, 1]
    assert [len(now.push(look(0.1), asked(0.1))) for _ in range(3)] == [1, 1, 1]
    assert len(late.flush()) == 3
    assert late.flush() == []


def test_reset_forgets_what_was_shown() -> None:
    selector = Selector(bank([0.1, 0.3], [0, 50]), 0)
    assert selector.push(look(0.1), asked(0.1))[0].exemplar == 0
    selector.reset()
    first = selector.push(look(0.1), asked(0.3))[0]
    assert (first.exemplar, first.jumped) == (1, False)


def test_a_mouth_that_only_must_be_reshaped_is_not_strange() -> None:
    some = bank([0.3])
    assert strangeness(some, look(0.1), np.array([0.01, 0.6, 1.4], np.float32))[0] == 0.0
    assert reshaping(some, np.array([0.01, 0.6, 1.4], np.float32))[0] > 5.0
    assert strangeness(some, look(0.1), asked(0.6))[0] > 5.0
