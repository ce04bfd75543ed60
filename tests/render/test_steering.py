"""Mouths are bent the rest of the way to the asked shape, and flow, mask and interior go together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lipsync_edge.render.exemplars.inside import height_in_window
from lipsync_edge.render.lips import WarpMouth
from lipsync_edge.render.steering import made_face, parted, steered
from lipsync_edge.types import F32, Goal
from tests.render.exemplars.faces import points

WINDOW = (0.25, 0.4375, 0.75, 0.9375)
SEEN = (0.13, 0.75, 1.2)


def goal(asked: tuple[float, float, float], seen: tuple[float, float, float] = SEEN) -> Goal:
    return Goal(points(*seen), np.array(seen, np.float32), 0.34, 0.0, np.array(asked, np.float32))


def mouth(down: float = 0.0) -> WarpMouth:
    """A mouth that shows paint between rows of the window's middle and moves everything by `down` crop sides."""
    flow = np.zeros((64, 64, 2), np.float32)
    flow[..., 1] = -down
    mask = np.zeros((128, 128), np.float32)
    mask[52:62, 32:96] = 1.0
    return WarpMouth(flow, mask, np.full((128, 128, 3), 0.5, np.float32), WINDOW)


def shape(of: WarpMouth, seen: tuple[float, float, float] = SEEN) -> F32:
    return made_face(of, goal(seen, seen)).shape


def test_a_still_mouth_makes_what_is_seen() -> None:
    assert np.allclose(shape(mouth()), SEEN, atol=1e-4)


def test_landmarks_are_found_where_the_flow_carries_them() -> None:
    made = made_face(mouth(down=0.02), goal(SEEN))
    assert np.allclose(made.points / 128 + 0.5 / 128 - points(*SEEN), [0.0, 0.02], atol=1e-4)


@pytest.mark.parametrize(
    "asked", [(0.13, 0.66, 1.2), (0.13, 0.82, 1.2), (0.155, 0.75, 1.2), (0.13, 0.75, 1.26)]
)
def test_the_asked_shape_is_made(asked: tuple[float, float, float]) -> None:
    made = shape(steered(mouth(), goal(asked)))
    missed, moved = np.abs(made - asked), np.abs(np.array(asked) - SEEN)
    assert (missed < 0.3 * moved + 0.012).all()


def test_what_is_made_does_not_depend_on_how_wide_the_source_is() -> None:
    widths = [
        shape(steered(mouth(), goal((0.13, 0.72, 1.2), seen)), seen)[1] for seen in (SEEN, (0.13, 0.68, 1.2))
    ]
    assert widths[0] == pytest.approx(widths[1], abs=0.01)


def test_a_shape_that_is_there_already_is_left_alone() -> None:
    before = mouth()
    assert steered(before, goal(SEEN)) is before


def test_the_paint_opens_with_the_lips() -> None:
    before = mouth()
    wide, narrow = (steered(before, goal((opening, 0.75, 1.2))) for opening in (0.155, 0.12))
    heights = [height_in_window(one.mask, one) for one in (narrow, before, wide)]
    assert heights[0] < heights[1] < heights[2]


def test_lips_that_meet_are_left_to_the_renderer() -> None:
    assert parted(np.array([0.01, 0.7, 1.2], np.float32), 0.2) == pytest.approx([0.2, 0.7, 1.2])
    assert parted(np.array([0.2, 0.7, 1.2], np.float32), 0.015) == pytest.approx([0.015, 0.7, 1.2])
    assert parted(np.array([0.2, 0.7, 1.2], np.float32), 0.15) == pytest.approx([0.2, 0.7, 1.2])


def test_landmarks_that_are_not_believed_bend_nothing() -> None:
    before = mouth()
    half = shape(steered(before, replace(goal((0.13, 0.66, 1.2)), trust=0.5)))[1]
    assert steered(before, replace(goal((0.13, 0.66, 1.2)), trust=0.0)) is before
    assert half == pytest.approx(0.705, abs=0.015)


def test_an_enlarged_interior_keeps_its_size() -> None:
    fine = replace(mouth(), paint=np.full((256, 256, 3), 0.5, np.float32))
    made = steered(fine, goal((0.13, 0.66, 1.2)))
    assert made.paint.shape == (256, 256, 3)
    assert np.allclose(made.paint, 0.5)
