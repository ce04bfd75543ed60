"""Lips that meet: nothing of the inside between them, and the neck follows the chin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lipsync_edge.face.landmarks import CHIN
from lipsync_edge.render.exemplars import overlay
from lipsync_edge.render.exemplars.laid import Pick
from lipsync_edge.render.exemplars.overlay import outline_of
from lipsync_edge.render.exemplars.reshape import LOWER_INNER, UPPER_INNER, Lines, source_map
from lipsync_edge.render.exemplars.seal import sides_of
from tests.render.exemplars.faces import points, seen
from tests.render.exemplars.test_overlay import exemplar, shown

SIDE, SCALE = 128, 2.0


def shut_over(opening: float) -> tuple[Lines, np.ndarray, np.ndarray]:
    """Lines of a map that shuts a mouth, the rows of a fine grid over its middle columns, and where they come from."""
    result, source = ((points(one) * SIDE - 0.5).astype(np.float32) for one in (0.0, opening))
    x, y = np.meshgrid(np.arange(56, 72, 0.25, np.float32), np.arange(60, 110, 0.25, np.float32))
    return Lines.of(result, source, x[0], SIDE), y, source_map(result, source, x, y, SIDE)[1]


def test_lips_that_meet_leave_no_room_for_the_inside() -> None:
    lines, y, mapped = shut_over(0.25)
    sides = sides_of(lines, y, mapped, SCALE)
    inside = (1.0 - sides.is_lower) * (1.0 - sides.is_upper)
    assert inside.max() < 0.05
    assert ((sides.is_lower > 0.01) & (sides.is_lower < 0.99)).sum(
        0
    ).max() <= 3  # over one pixel of the frame
    up, low = lines.here[2], lines.here[3]
    assert (low - up).min() > 5  # between them lies what must not be seen
    line = lines.there[2:4].mean(0)
    at = np.abs(y - line) < 0.5
    assert np.abs(sides.upper - up)[at].max() < 1.1
    assert np.abs(sides.lower - low)[at].max() < 1.1


def test_open_lips_keep_their_inside() -> None:
    result = (points(0.25) * SIDE - 0.5).astype(np.float32)
    x, y = np.meshgrid(np.arange(60, 68, 0.5, np.float32), np.arange(60, 110, 0.5, np.float32))
    lines = Lines.of(result, result, x[0], SIDE)
    sides = sides_of(lines, y, y, SCALE)
    between = (y > lines.there[2] + 1) & (y < lines.there[3] - 1)
    assert between.any()
    assert (sides.is_upper + sides.is_lower)[between].max() == 0.0


def test_no_teeth_show_in_a_mouth_that_is_shut_over_them(monkeypatch: pytest.MonkeyPatch) -> None:
    of, wide = seen(0.005), seen(0.2)
    frame = wide.target.frame_bgr.copy()
    frame[(frame < 60).all(2)] = 255
    teeth = replace(wide, target=replace(wide.target, frame_bgr=frame))

    def shining_through() -> int:
        shut = [shown(of, [Pick(exemplar(one), 1.0)], (0.01, 0.75, 1.2)) for one in (teeth, wide)]
        return int(np.abs(shut[0].astype(int) - shut[1]).sum())

    sealed = shining_through()
    monkeypatch.setattr(overlay, "MEETING", -1.0)  # they are read as all the rest
    assert sealed < 0.2 * shining_through()


def test_a_chin_that_need_not_be_stretched_is_the_frames_own() -> None:
    own = (points(0.1) * SIDE).astype(np.float32)
    lips = outline_of(own, own)
    assert np.array_equal(outline_of(own, own)[:, 1], lips[:, 1])
    low = own.copy()
    low[:40, 1] += 6.0  # lips near the chin
    reaching = outline_of(own, low)
    assert reaching[:, 1].max() > lips[:, 1].max() + 3.0
    assert reaching[:, 1].max() < own[CHIN, 1]
    assert np.array_equal(reaching[[0, 10]], lips[[0, 10]])


def test_under_a_raised_chin_no_second_line_stays() -> None:
    """A bright line drawn under the chin moves with it."""
    of = seen(0.005, jaw=1.3)
    frame = of.target.frame_bgr.copy()
    chin = round(float(of.target.face.points[CHIN, 1] + 0.5) * 2)
    frame[chin + 1 : chin + 4, 90:166] = 255
    paste = np.ones((64, 64), np.float32)
    paste[round((chin + 1) / 4) :] = 0.0  # the neck is no face
    lined = replace(of, target=replace(of.target, frame_bgr=frame, paste=paste))
    out = shown(lined, [Pick(exemplar(of), 1.0)], (0.005, 0.75, 1.2))
    column = out[:, 126:130].min((1, 2)) > 200
    edges = np.flatnonzero(np.diff(column.astype(int)) > 0)
    assert len(edges) == 1
    assert edges[0] < chin - 2


def test_the_lines_hold_the_lips() -> None:
    lines, _, _ = shut_over(0.2)
    middle = [(points(0.0) * SIDE - 0.5)[line[5], 1] for line in (UPPER_INNER, LOWER_INNER)]
    assert lines.there[2:4, 32] == pytest.approx(middle, abs=0.2)
