"""Plans: one for each frame and in order, strong where an exemplar is near and the mouth can be seen."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_edge.render.exemplars.planner import LAG, TURN, can_talk
from lipsync_edge.render.exemplars.sequence import Own, SequencePlanner, StillPlanner
from lipsync_edge.render.exemplars.watcher import Seen, gather
from tests.render.exemplars.faces import TO_SHAPE, seen

OPENINGS = [0.01, 0.05, 0.1, 0.15, 0.2, 0.15, 0.1, 0.05, 0.01]
FILM = [seen(opening) for opening in OPENINGS]
LIBRARY = gather(enumerate(FILM), 600)


def coefficients(opening: float) -> np.ndarray:
    row = TO_SHAPE[0]
    return (row * opening / (row @ row)).astype(np.float32)


def run(stage: SequencePlanner, frames: list[Seen | None], asked: list[float]) -> list[Own | None]:
    plans = [p for s, a in zip(frames, asked, strict=True) for p in stage.push(s, coefficients(a))]
    return plans + stage.flush()


def test_a_film_of_somebody_who_talks_can_talk_and_a_still_cannot() -> None:
    assert can_talk(LIBRARY)
    assert not can_talk(None)
    assert not can_talk(gather([(k, FILM[0]) for k in range(9)], 600))


@pytest.mark.parametrize("lag", [0, 1, LAG])
def test_one_plan_for_each_frame_in_order(lag: int) -> None:
    assert LIBRARY is not None
    frames: list[Seen | None] = [FILM[0], None, FILM[2], FILM[4], None, None, FILM[8], None]
    plans = run(SequencePlanner(LIBRARY, to_shape=TO_SHAPE, lag=lag), frames, [0.05] * 8)
    assert [None if own is None else own.seen for own in plans] == frames


def test_without_lag_nothing_waits() -> None:
    assert LIBRARY is not None
    stage = SequencePlanner(LIBRARY, to_shape=TO_SHAPE, lag=0)
    assert [len(stage.push(one, coefficients(0.1))) for one in FILM] == [1] * 9


def test_with_lag_a_plan_comes_so_many_frames_late() -> None:
    assert LIBRARY is not None
    stage = SequencePlanner(LIBRARY, to_shape=TO_SHAPE, lag=3)
    assert [len(stage.push(one, coefficients(0.1))) for one in FILM[:6]] == [0, 0, 0, 1, 1, 1]


def test_a_shape_that_the_film_holds_is_shown_whole() -> None:
    assert LIBRARY is not None
    plans = run(SequencePlanner(LIBRARY, to_shape=TO_SHAPE), [FILM[0]] * 6, [0.1] * 6)
    assert all(own is not None and own.strength == 1.0 for own in plans)


def test_covered_mouths_are_left_to_the_networks_without_a_step() -> None:
    assert LIBRARY is not None
    hidden = seen(0.05, visible=0.1)
    plans = run(SequencePlanner(LIBRARY, to_shape=TO_SHAPE), [FILM[1]] * 4 + [hidden] * 8, [0.05] * 12)
    strengths = [own.strength for own in plans if own is not None]
    assert strengths[0] == 1.0
    assert strengths[-1] == 0.0
    assert np.abs(np.diff(strengths)).max() <= TURN + 1e-6


def test_light_that_the_film_never_had_is_left_to_the_frames_own_lips() -> None:
    assert LIBRARY is not None
    dark = seen(0.1, light=0.3)
    frames: list[Seen | None] = [dark] * 3
    plans = run(SequencePlanner(LIBRARY, to_shape=TO_SHAPE), frames, [0.1] * 3)
    assert all(own is not None and (own.strength, own.share) == (1.0, 0.0) for own in plans)


def test_a_face_that_is_gone_holds_nothing_back() -> None:
    assert LIBRARY is not None
    stage = SequencePlanner(LIBRARY, to_shape=TO_SHAPE)
    for one in FILM[:3]:
        stage.push(one, coefficients(0.1))
    assert [own is None for own in stage.push(None, coefficients(0.1))] == [False, False, False, True]
    assert stage.push(None, coefficients(0.1)) == [None]


def test_the_lips_of_a_still_are_moved_as_asked() -> None:
    still = seen(0.01)
    stage = StillPlanner(to_shape=TO_SHAPE)
    for opening in (0.0, 0.15):
        own = stage.push(still, coefficients(opening))[0]
        assert own is not None
        assert (own.strength, own.share) == (1.0, 0.0)
        assert own.plan.asked[0] == pytest.approx(opening, abs=0.03)
        assert own.lay_over(still.target.frame_bgr.copy()) is not None
    assert stage.flush() == []


def test_a_covered_mouth_of_a_still_is_left_to_the_networks() -> None:
    hidden = seen(0.01, visible=0.1)
    own = StillPlanner(to_shape=TO_SHAPE).push(hidden, coefficients(0.1))[0]
    assert own is not None
    assert own.strength == 0.0
    picture = hidden.target.frame_bgr.copy()
    assert own.lay_over(picture) is None
    assert np.array_equal(picture, hidden.target.frame_bgr)


def test_a_new_shot_continues_nothing() -> None:
    assert LIBRARY is not None
    stage = SequencePlanner(LIBRARY, to_shape=TO_SHAPE)
    done = stage.push(FILM[0], coefficients(0.01)) + stage.push(FILM[4], coefficients(0.2), cut=True)
    plans = done + stage.flush()
    assert [len(own.plan.picks) for own in plans if own is not None] == [1, 1]


def test_the_same_frames_give_the_same_plans() -> None:
    assert LIBRARY is not None
    asked = list(np.random.default_rng(0).uniform(0, 0.2, 9))
    once, again = (run(SequencePlanner(LIBRARY, to_shape=TO_SHAPE), list(FILM), asked) for _ in range(2))
    for a, b in zip(once, again, strict=True):
        assert a is not None
        assert b is not None
        assert [p.exemplar.frame for p in a.plan.picks] == [p.exemplar.frame for p in b.plan.picks]
        assert np.array_equal(a.plan.asked, b.plan.asked)


def test_laying_over_changes_the_region_it_names() -> None:
    assert LIBRARY is not None
    own = run(SequencePlanner(LIBRARY, to_shape=TO_SHAPE), [FILM[0]] * 2, [0.2] * 2)[0]
    assert own is not None
    picture = FILM[0].target.frame_bgr.copy()
    region = own.lay_over(picture)
    assert region is not None
    outside = np.ones(picture.shape[:2], bool)
    outside[region.y1 : region.y2, region.x1 : region.x2] = False
    assert np.array_equal(picture[outside], FILM[0].target.frame_bgr[outside])
    assert not np.array_equal(picture, FILM[0].target.frame_bgr)
