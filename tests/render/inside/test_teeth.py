"""Rows of teeth: where they are, and that they turn with the head."""

from __future__ import annotations

import numpy as np

from lipsync_edge.render.inside.teeth import LOWER, MM, UPPER, draw


def line(at_mm: float, yaw: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Across, shown and light, so many mm above the upper edge."""
    across = np.linspace(-0.6, 0.6, 1201).astype(np.float32)
    shown, light = draw(UPPER, across, np.full_like(across, -at_mm * MM), yaw, 0.3 * MM)
    return across / MM, shown, light


def test_the_row_begins_at_its_edge_and_ends_at_its_last_tooth() -> None:
    across, shown, _ = line(4.0)
    assert shown[np.abs(across) < 20].min() > 0.99
    assert shown[np.abs(across) > 30].max() < 0.01
    assert line(-2.0)[1].max() < 0.01


def test_front_teeth_are_as_wide_as_teeth_and_lines_part_them() -> None:
    across, _, light = line(4.0)
    dark = across[1:-1][(light[1:-1] < light[:-2]) & (light[1:-1] < light[2:]) & (np.abs(across[1:-1]) < 16)]
    for wanted in (-14.5, -8.4, 0.0, 8.4, 14.5):
        assert np.abs(dark - wanted).min() < 0.8


def test_back_teeth_are_darker() -> None:
    across, _, light = line(4.0)
    assert light[np.abs(np.abs(across) - 24) < 2].mean() < 0.75 * light[np.abs(across) < 6].mean()


def test_a_head_that_turns_to_the_right_shows_less_of_its_right_side() -> None:
    across, shown, _ = line(4.0, yaw=25.0)
    middle = across[shown > 0.5]
    assert -middle.min() > middle.max() + 10


def test_the_lower_row_is_drawn_upside_down_by_its_caller() -> None:
    below = np.array([-3.0, 3.0], np.float32) * np.float32(MM)
    shown, _ = draw(LOWER, np.zeros(2, np.float32) + np.float32(2 * MM), below, 0.0, 0.3 * MM)
    assert shown[0] > 0.99
    assert shown[1] < 0.01
