"""Parts of a region that are read alone are what they are in the whole of it."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_edge.render.exemplars.reading import BAND, BANDS, Reading, shown
from lipsync_edge.types import Region

SIDE, REGION = 60, Region(0, 0, 170, 190)


def a_reading(turn: float) -> Reading:
    """Read noise, whose every pixel is an edge, at places that bend."""
    random = np.random.default_rng(4)
    picture = random.integers(0, 256, (220, 230, 3)).astype(np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    x, y = 3.1 * x + 4 * np.sin(y / 9), 3.1 * y + 5 * np.cos(x / 7) + 6
    scale = 3.0 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return Reading.of(picture, x, y, np.column_stack([scale, (2.3, -1.7)]))


@pytest.mark.parametrize("turn", [0.0, 0.07, -0.3])
def test_a_part_has_the_bits_of_the_whole(turn: float) -> None:
    reading = a_reading(turn)
    whole = reading.over(REGION)
    for part in (Region(0, 0, 20, 48), Region(33, 48, 150, 96), Region(71, 101, 72, 102), REGION):
        assert np.array_equal(reading.over(part), part.view(whole))


def test_what_is_shown_is_covered_and_rows_without_anything_are_not() -> None:
    alpha = np.zeros((4 * BAND, 90), np.float32)
    alpha[5, 30], alpha[BAND - 1, 70], alpha[3 * BAND : 3 * BAND + 2, :4] = 0.01, 1.0, 0.5
    parts = shown(alpha)
    assert parts == [Region(30, 5, 71, BAND), Region(0, 3 * BAND, 4, 3 * BAND + 2)]


def test_nothing_is_read_where_nothing_is_shown() -> None:
    assert shown(np.zeros((100, 80), np.float32)) == []


def test_a_large_region_has_no_more_bands() -> None:
    assert len(shown(np.ones((BANDS * BAND * 3 + 1, 20), np.float32))) == BANDS
