"""The painted inside: upper teeth stay with the head, lower ones go with the jaw, and less light falls into a slit."""

from __future__ import annotations

import numpy as np

from lipsync_edge.render.inside.layers import Layers, draw_layers, lit, paint
from lipsync_edge.render.inside.tone import Tone, tone_of
from tests.render.exemplars.faces import SIDE, landmarks, picture

UNIT = 100.0
TONE = Tone(*(np.array(c, np.float32) for c in ((190, 210, 220), (70, 60, 120), (12, 12, 20))))
TO_REGION = np.array([[UNIT, 0.0, 60.0], [0.0, UNIT, 20.0]])


def layers() -> Layers:
    return draw_layers(TONE, 0.0, UNIT)


def opening(low: int, high: int = 14) -> np.ndarray:
    mask = np.zeros((60, 120), np.float32)
    mask[high:low, 20:100] = 1.0
    return mask


def test_upper_teeth_stay_where_they_are_and_lower_ones_go_down() -> None:
    small, large = (paint(layers(), opening(54), TO_REGION, drop) for drop in (0.1, 0.25))
    upper = slice(14, 19)
    assert np.array_equal(small[upper], large[upper])
    bright = [
        int(np.argmax(np.abs(np.diff(made[24:54, 56].max(1).astype(int))) > 25)) for made in (small, large)
    ]
    assert bright[1] - bright[0] >= 12


def test_a_slit_is_darker_than_a_wide_opening() -> None:
    slit, wide = lit(opening(20), UNIT), lit(opening(50), UNIT)
    assert slit[17, 60] < 0.8 * wide[30, 60]
    assert slit.min() > 0.0
    assert wide.max() <= 1.0


def test_the_same_opening_looks_the_same_every_time() -> None:
    one = layers()
    assert np.array_equal(paint(one, opening(40), TO_REGION, 0.1), paint(one, opening(40), TO_REGION, 0.1))


def test_colours_follow_the_light_on_the_face() -> None:
    of = landmarks(0.0)
    places = of.points * SIDE - 0.5
    bright, dark = (tone_of(picture(of, SIDE, light=light), places, 0.0) for light in (1.0, 0.5))
    ratio = float(dark.tooth.sum() / bright.tooth.sum())
    assert 0.4 < ratio < 0.6
    assert bright.dark.max() < 0.3 * bright.tooth.max()
    grey = np.repeat(picture(of, SIDE)[..., 1:2], 3, axis=2)
    assert np.ptp(tone_of(grey, places, 0.0).tooth) < 3


def test_a_raised_tongue_shows_under_the_upper_teeth_and_before_the_lower_ones() -> None:
    flat, raised = (paint(layers(), opening(54), TO_REGION, 0.15, tongue) for tongue in (0.0, 1.0))
    teeth = slice(14, 18)
    assert np.array_equal(flat[teeth], raised[teeth])
    redder = (
        raised.astype(int)[..., 2] - raised.astype(int)[..., 1] - (flat.astype(int)[..., 2] - flat[..., 1])
    )
    assert redder[24:30, 56:64].min() > 20
    assert not redder[50:, :].any()
