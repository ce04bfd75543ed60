"""What coefficients ask of one person's mouth."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_edge.render.exemplars.asked import (
    GAIN,
    JAW_GAIN,
    RAISED,
    SHUT,
    TUCKED,
    WIDE_OPEN,
    WIDTH_MEAN,
    WIDTH_SPREAD,
    Articulation,
    Asker,
    Range,
    range_of,
    range_of_still,
)
from tests.render.exemplars.faces import TO_SHAPE

PERSON = Range(width=0.8, width_spread=0.0, jaw=1.2, wide_open=WIDE_OPEN)


def coefficients(opening: float) -> np.ndarray:
    """The smallest coefficients that open the mouth so far."""
    row = TO_SHAPE[0]
    return (row * opening / (row @ row)).astype(np.float32)


def test_nothing_asked_is_the_persons_own_mouth_at_rest() -> None:
    asked, gain = Asker(PERSON, TO_SHAPE)(np.zeros(8, np.float32))
    assert asked == pytest.approx([SHUT, 0.8 - WIDTH_MEAN, 1.2])
    assert gain == pytest.approx(1.0)


def test_an_open_mouth_is_asked_as_it_is_in_the_persons_range() -> None:
    asked, _ = Asker(PERSON, TO_SHAPE)(coefficients(0.15))
    assert asked[0] == pytest.approx(SHUT + 0.15, abs=0.01)
    assert asked[2] > 1.2


def test_nearly_shut_lips_seal() -> None:
    asked, _ = Asker(PERSON, TO_SHAPE)(coefficients(0.015))
    assert asked[0] < SHUT + 0.005
    assert Asker(PERSON, TO_SHAPE)(coefficients(-0.1))[0][0] == pytest.approx(SHUT)


@pytest.mark.parametrize(("wide", "gain"), [(0.02, GAIN[0]), (0.6, GAIN[1])])
def test_the_persons_range_scales_within_limits(wide: float, gain: float) -> None:
    asker = Asker(Range(0.8, 0.0, 1.2, wide), TO_SHAPE)
    assert asker.gain == pytest.approx(gain)
    assert Asker(Range(0.8, 0.0, 1.2, wide), TO_SHAPE, strength=0.5).gain == pytest.approx(gain / 2)


def test_a_quiet_voice_is_listened_to_slowly_and_silence_not_at_all() -> None:
    asker = Asker(PERSON, TO_SHAPE)
    for _ in range(50):
        asker(np.zeros(8, np.float32))
    assert asker.gain == pytest.approx(1.0)
    gains = [asker(coefficients(0.08))[1] for _ in range(400)]
    assert max(abs(np.diff(gains))) < 0.02
    assert gains[-1] == pytest.approx(GAIN[1])


def test_what_comes_later_changes_nothing_before() -> None:
    some = [coefficients(v) for v in (0.1, 0.2, 0.05, 0.3)]
    alone, together = Asker(PERSON, TO_SHAPE), Asker(PERSON, TO_SHAPE)
    first = [alone(c)[0] for c in some[:2]]
    assert np.array_equal([together(c)[0] for c in some][:2], first)


def test_the_range_is_read_off_the_film() -> None:
    shapes = np.array([[0.01, 0.8, 1.2]] * 30 + [[0.2, 0.9, 1.4]] * 70, np.float32)
    person = range_of(shapes)
    assert (person.width, person.jaw) == pytest.approx((0.9, 1.2))
    assert person.width_spread == pytest.approx(0.05)
    assert person.wide_open == pytest.approx(0.2)


def test_widths_spread_as_far_as_the_persons_own() -> None:
    lively = Asker(Range(width=0.8, width_spread=0.035, jaw=1.2, wide_open=WIDE_OPEN), TO_SHAPE)
    quiet = Asker(PERSON, TO_SHAPE)
    row = TO_SHAPE[1]
    wide = [(row * w / (row @ row) + coefficients(0.15)).astype(np.float32) for w in (-0.02, 0.02)]
    far, near = (np.diff([one(c)[0][1] for c in wide])[0] for one in (lively, quiet))
    assert far == pytest.approx(0.035 / WIDTH_SPREAD * near, rel=0.15)


def test_another_encoder_brings_its_own_map() -> None:
    other = np.zeros((3, 8), np.float32)
    other[0, 7] = 0.1
    asked, _ = Asker(PERSON, other)(np.eye(8, dtype=np.float32)[7] * 2)
    assert asked == pytest.approx([SHUT + 0.2, 0.8 - WIDTH_MEAN, 1.2], abs=0.005)


def test_the_jaw_of_who_is_seen_talking_goes_farther_than_it_is_heard() -> None:
    shapes = np.array([[0.0, 0.8, 1.2], [0.2, 0.75, 1.3]] * 20, np.float32)
    talker, still = range_of(shapes), range_of_still(shapes[0])
    wide = coefficients(0.15)
    lower = [Asker(person, TO_SHAPE)(wide)[0][2] - person.jaw for person in (talker, still)]
    gains = [Asker(person, TO_SHAPE)(wide)[1] for person in (talker, still)]
    heard = float((TO_SHAPE @ wide)[2])
    assert lower == pytest.approx([JAW_GAIN * gains[0] * heard, gains[1] * heard], rel=1e-3)


def test_a_lip_under_the_teeth_opens_what_would_seal_and_sealed_lips_stay_shut_without() -> None:
    sealing = coefficients(0.01)
    for tuck, opening in ((0.0, 0.0), (0.5, TUCKED / 2), (1.0, TUCKED)):
        asked, _ = Asker(PERSON, TO_SHAPE)(sealing, Articulation(tuck=tuck))
        assert asked[0] == pytest.approx(SHUT + opening, abs=2e-3)
    assert Asker(PERSON, TO_SHAPE)(coefficients(0.2), Articulation(tuck=1.0))[0][0] == pytest.approx(
        SHUT + TUCKED
    )
    assert Asker(PERSON, TO_SHAPE, 0.0)(sealing, Articulation(tuck=1.0))[0][0] == pytest.approx(SHUT)


def test_a_raised_tongue_parts_lips_further_that_are_apart_and_no_shut_ones() -> None:
    raised = Articulation(tongue=1.0)
    assert Asker(PERSON, TO_SHAPE)(coefficients(0.005), raised)[0][0] < SHUT + 0.002
    assert Asker(PERSON, TO_SHAPE)(coefficients(0.06), raised)[0][0] == pytest.approx(SHUT + RAISED)
    wide = coefficients(0.18)
    assert Asker(PERSON, TO_SHAPE)(wide, raised)[0][0] == Asker(PERSON, TO_SHAPE)(wide)[0][0]


def test_what_is_heard_unsurely_is_not_done() -> None:
    assert Articulation.of(np.array([0.2, 0.1], np.float32)) == Articulation()
    assert Articulation.of(np.array([0.9, 0.8], np.float32)) == Articulation(1.0, 1.0)
