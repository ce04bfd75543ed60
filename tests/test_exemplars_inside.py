"""The frame's own teeth: kept where they are seen, painted over where the mouth must shut or had been shut."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_edge.lips import WarpMouth
from lipsync_edge.render_exemplars.inside import carry, height, keep_inside, smoothstep

WINDOW = (0.25, 0.4375, 0.75, 0.9375)


def mouth(rows: slice, shift: float = 0.0) -> WarpMouth:
    """A mouth that paints some rows of the window's middle and moves everything down by `shift`."""
    mask = np.zeros((128, 128), np.float32)
    mask[rows, 32:96] = 1.0
    flow = np.zeros((64, 64, 2), np.float32)
    flow[..., 1] = shift
    return WarpMouth(flow, mask, np.zeros((128, 128, 3), np.float32), WINDOW)


def inside(top: int, bottom: int) -> np.ndarray:
    """The inside of a mouth, between two rows of 64."""
    plane = np.zeros((64, 64), np.float32)
    plane[top:bottom, 24:40] = 1.0
    return plane


def test_teeth_that_are_seen_are_not_painted() -> None:
    # rows 38 to 42 of the crop are rows 40 to 56 of the window's 128
    kept = keep_inside(mouth(slice(40, 56)), inside(38, 42))
    assert kept.mask[42:54, 36:92].max() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("made", "seen"), [(slice(40, 104), (38, 41)), (slice(40, 42), (36, 46))])
def test_paint_stays_where_the_mouth_opens_far_or_seals(made: slice, seen: tuple[int, int]) -> None:
    before = mouth(made, shift=0.0 if made.stop > 50 else 0.2)
    assert np.array_equal(keep_inside(before, inside(*seen)).mask, before.mask)


def test_a_shut_mouth_changes_nothing() -> None:
    before = mouth(slice(40, 56))
    assert keep_inside(before, np.zeros((64, 64), np.float32)) is before


def test_the_inside_is_carried_by_the_flow() -> None:
    # the picture at p comes from p + flow: with flow 1/16 down, what stood at rows 38 to 42 stands 4 rows higher
    moved = carry(inside(38, 42), mouth(slice(0, 0), shift=4 / 64))
    rows = np.flatnonzero(moved[:, 64] > 0.5)
    assert (rows[0], rows[-1] + 1) == (24, 40)


def test_height_is_a_part_of_the_crop() -> None:
    assert height(inside(38, 42)) == pytest.approx(4 / 64)


def test_smoothstep_is_clamped_and_symmetric() -> None:
    assert [smoothstep(x, 1.0, 3.0) for x in (0.0, 1.0, 2.0, 3.0, 9.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]
