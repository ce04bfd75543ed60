"""From mouth coefficients to the shape that is asked of one person's mouth, within that person's own range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync_edge.render.exemplars.inside import smoothstep
from lipsync_edge.types import F32

WIDE_OPEN = 0.19  # eye distances: the 95 % quantile of the openings that speech asks for, before any is heard
HEARD_BEFORE = 150.0  # frames that this guess counts for
WIDTH_MEAN, WIDTH_SPREAD = -0.022, 0.01  # eye distances: what speech asks of the width, before any is heard
WIDTH_BEFORE = 100.0  # frames that this guess counts for
# Least squares shrinks what is hard to hear: widths are spread as far as the person's own, within these gains, and
# the jaw of a person who is seen talking is asked so many times as far.
WIDTH_GAIN, JAW_GAIN = (1.0, 4.0), 1.3
SEAL = 0.05  # eye distances: asked openings below this one shrink smoothly to shut lips, so that p, b, m seal
GAIN = (0.6, 1.2)  # the person's range may make the asked motion so much smaller or larger
SHUT = 0.01  # eye distances: what the landmarks read off shut lips
BINS, MOST = 64, 0.6
# Eye distances that lips are apart where the lower one is under the teeth; how surely that, and a raised tongue, must
# be heard for none and for all of it.
TUCKED = 0.04
# The same where the tongue is raised, so that it is seen; lips that are parted less than that are left as they are.
RAISED, RAISED_PARTED = 0.08, 0.03
TUCK_HEARD, TONGUE_HEARD = (0.4, 0.7), (0.15, 0.4)
SPOKEN = (
    0.03  # eye distances: a smaller asked opening may be silence, which says nothing about a voice's range
)


@dataclass(frozen=True, slots=True)
class Range:
    """How one person's mouth moves, in eye distances.

    Attributes:
        width: of the mouth, median.
        width_spread: how far from it two thirds of the frames lie.
        jaw: at rest: in the least open fifth of the frames.
        wide_open: 95 % quantile of the opening.
        jaw_gain: how many times as far as it is heard the jaw goes.
    """

    width: float
    width_spread: float
    jaw: float
    wide_open: float
    jaw_gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Articulation:
    """What a mouth does that its shape does not say, each 0…1.

    Attributes:
        tuck: how far the lower lip is drawn in under the upper teeth (f v).
        tongue: how far the tip of the tongue is raised to the upper teeth (th l).
    """

    tuck: float = 0.0
    tongue: float = 0.0

    @classmethod
    def of(cls, heard: F32) -> Articulation:
        """Return what is done where it is heard so surely, float32 (2,), see `AudioEncoder.hear`."""
        tuck, tongue = (float(one) for one in heard)
        return cls(smoothstep(tuck, *TUCK_HEARD), smoothstep(tongue, *TONGUE_HEARD))


NEUTRAL = Articulation()


def range_of(shapes: F32) -> Range:
    """Measure a person's range on shapes, float32 (n, 3), of frames in which they talk."""
    opening = shapes[:, 0]
    low, middle, high = np.quantile(shapes[:, 1], (0.17, 0.5, 0.83))
    jaw = np.median(shapes[opening <= np.quantile(opening, 0.2), 2])
    wide_open = np.quantile(opening, 0.95)
    return Range(float(middle), float(high - low) / 2, float(jaw), float(wide_open), JAW_GAIN)


def sealing(opening: float) -> float:
    """Return an asked opening in eye distances, not below 0, small ones shrunk to none."""
    part = float(np.clip(opening / SEAL, 0.0, 1.0))
    return max(opening * part * part * (3.0 - 2.0 * part), 0.0)


def articulated(opening: float, articulation: Articulation, strength: float = 1.0) -> float:
    """Return an asked opening, eye distances from shut lips on, with room for what is done besides."""
    raised = articulation.tongue * smoothstep(opening, 0.0, RAISED_PARTED)
    opening += raised * max(strength * RAISED - opening, 0.0)
    return opening + articulation.tuck * (strength * TUCKED - opening)


STILL_SPREAD = 0.021  # eye distances: how far a still's mouth varies in width; a usual talker's does by 0.035
STILL_NARROWER = 0.97  # a mouth that talks, over the same mouth at rest
STILL_JAW = 0.6  # of the opening that is seen: how far the jaw is down


def range_of_still(shape: F32) -> Range:
    """Guess the range of a person of whom one shape, float32 (3,), is known: at rest there, else a usual talker's."""
    opening, width, jaw = (float(one) for one in shape)
    return Range(STILL_NARROWER * width, STILL_SPREAD, jaw - STILL_JAW * opening, WIDE_OPEN)


class Asker:
    """Turns coefficients into asked shapes, frame by frame; the same for files and live, since it never looks ahead.

    Args:
        person: the range to stay within.
        to_shape: float32 (3, 8), opening, width and jaw in eye distances for one unit of each coefficient, relative
            to the speaker's shut mouth: the encoder's own, from its card (`AudioEncoder.to_shape`).
        strength: 0 (shut) … 1.5, times the person's own range.
    """

    def __init__(self, person: Range, to_shape: F32, strength: float = 1.0) -> None:
        self._person = person
        self._strength = strength
        self._to_shape = to_shape
        self._counts = np.zeros(BINS)
        self._edges = (np.arange(BINS) + 1.0) / BINS * MOST
        self._heard = 0.0
        self._widths = WIDTH_BEFORE * np.array([1.0, WIDTH_MEAN, WIDTH_MEAN**2 + WIDTH_SPREAD**2])

    def __call__(self, coefficients: F32, articulation: Articulation = NEUTRAL) -> tuple[F32, float]:
        """Return the asked shape, float32 (3,), and the gain that coefficients, float32 (8,), are scaled by."""
        moved = self._to_shape @ coefficients
        self._listen(float(moved[0]), float(moved[1]))
        gain = self.gain
        opening = articulated(gain * sealing(float(moved[0])), articulation, min(self._strength, 1.0))
        jaw = self._person.jaw + gain * self._person.jaw_gain * float(moved[2])
        return np.array([SHUT + opening, self._width(float(moved[1])), jaw], np.float32), gain

    @property
    def gain(self) -> float:
        """Own range over heard range, clipped, times the strength."""
        wide = self._person.wide_open / max(self._quantile(), 1e-3)
        return float(np.clip(wide, *GAIN)) * self._strength

    def _width(self, moved: float) -> float:
        """Return the asked width: what is heard, spread about the person's own middle."""
        _, mean, square = self._widths / self._widths[0]
        spread = float(np.sqrt(max(square - mean**2, 1e-8)))
        gain = float(np.clip(self._person.width_spread / spread, *WIDTH_GAIN))
        return self._person.width + self._strength * gain * (moved - float(mean))

    def _listen(self, opening: float, width: float) -> None:
        if opening > SPOKEN:
            self._widths += np.array([1.0, width, width**2])
            self._counts[min(int(opening / MOST * BINS), BINS - 1)] += 1.0
            self._heard += 1.0

    def _quantile(self) -> float:
        if not self._heard:
            return WIDE_OPEN
        heard = float(self._edges[np.searchsorted(np.cumsum(self._counts), 0.95 * self._heard)])
        known = self._heard / (self._heard + HEARD_BEFORE)
        return known * heard + (1.0 - known) * WIDE_OPEN
