"""Rows of teeth, drawn from the sizes of an average adult's: where they are, and how light each place is.

Lengths are in eye distances. Tooth widths and heights follow textbook means (Ash and Nelson, Wheeler's Dental Anatomy);
62 mm are one distance of the eye centres (mean of adults).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync_edge.render.inside.easing import smooth
from lipsync_edge.types import F32

MM = 1.0 / 62.0  # eye distances
STEP = 0.25 * MM  # the arch is followed in such steps


@dataclass(frozen=True, slots=True)
class Row:
    """Half a row from the middle to the back; the other half mirrors it but for small differences.

    Attributes:
        widths: of the teeth, in mm.
        edges: how far the biting edge lies behind that of the first tooth, towards the gum, in mm.
        height: of the crowns, in mm.
        arch: half the width and the depth of the ellipse that the row stands on, in mm.
        round_off: how much of a tooth's half width its corners lose.
        seed: of the small differences.
    """

    widths: tuple[float, ...]
    edges: tuple[float, ...]
    height: float
    arch: tuple[float, float]
    round_off: float
    seed: int


UPPER = Row((8.5, 6.5, 7.6, 7.1, 6.6, 10.0), (0.0, 0.7, 0.3, 1.0, 1.5, 2.0), 10.0, (29.0, 44.0), 0.22, 3)
LOWER = Row((5.4, 5.9, 6.8, 7.0, 7.1, 11.0), (0.0, 0.1, -0.2, 0.4, 0.9, 1.2), 8.5, (26.0, 40.0), 0.18, 5)

BACK = 0.62  # so much darker is the last tooth
GAP, GAP_WIDTH = 0.07, 0.4  # darkness of the line between two teeth, and its half width in mm
BARREL = 0.06  # a tooth's sides are so much darker than its middle
TIP, TIP_HEIGHT = 0.08, 1.6  # its edge lets light through: darkness, and mm
NECK = 0.08  # darkness towards the gum
DIFFERS, DIFFERS_MM = 0.02, 0.15  # standard deviations of a tooth's lightness and of its edge


def draw(row: Row, across: F32, beyond: F32, yaw: float, soft: float) -> tuple[F32, F32]:
    """Return where a row of teeth is, 0…1, and how light it is there, 0…1; float32 of the arguments' shape.

    Args:
        row: which.
        across: from the middle of the face to the image's right, in eye distances.
        beyond: from the first tooth's biting edge away from the gum.
        yaw: of the head, degrees; > 0: turned towards the image's right.
        soft: width of edges, in eye distances.
    """
    along, inside = _arch(row, across, yaw)
    bounds = np.concatenate([[0.0], np.cumsum(row.widths)]) * MM
    far = np.abs(along)
    tooth = np.clip(np.searchsorted(bounds, far, side="right") - 1, 0, len(row.widths) - 1)
    half = (bounds[1:] - bounds[:-1])[tooth] / 2
    place = (far - bounds[tooth]) / half - 1.0  # -1 … 1 across the tooth
    random = np.random.default_rng(row.seed)
    shift, tone = (random.normal(0.0, d, (2, len(row.widths))) for d in (DIFFERS_MM, DIFFERS))
    side = (along > 0).astype(int)
    edge = (shift[side, tooth] - np.array(row.edges)[tooth]) * MM
    inwards = edge - row.round_off * half * np.abs(place) ** 4 - beyond
    shown = smooth(inwards / soft + 0.5) * inside
    between = smooth((1.0 - np.abs(place)) * half / (soft + GAP_WIDTH * MM))
    light = 1.0 - BARREL * np.abs(place) ** 3 - GAP * (1.0 - between) + tone[side, tooth]
    light *= 1.0 - TIP * smooth(1.0 - inwards / (TIP_HEIGHT * MM))
    light *= 1.0 - NECK * smooth(inwards / (row.height * MM) * 2.0 - 1.0)
    light *= 1.0 - BACK * smooth(far / bounds[-1]) ** 1.3
    return shown.astype(np.float32), light.astype(np.float32)


def _arch(row: Row, across: F32, yaw: float) -> tuple[F32, F32]:
    """Return how far along its arch each place is, to the right, and 1 where the row reaches it (softly 0 beyond)."""
    half, depth = (size * MM for size in row.arch)
    turn = np.linspace(0.0, np.pi / 2, 400)
    x, z = half * np.sin(turn), depth * (1.0 - np.cos(turn))
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    here = np.arange(0.0, min(sum(row.widths) * MM, length[-1]), STEP)
    x, z = np.interp(here, length, x), np.interp(here, length, z)
    cos, sin = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    right = np.maximum.accumulate(x * cos - z * sin)  # what lies behind the bend is not seen
    left = np.minimum.accumulate(-x * cos - z * sin)
    seen = np.concatenate([left[:0:-1], right])
    along = np.interp(across, seen, np.concatenate([-here[:0:-1], here]))
    within = smooth(np.minimum(across - seen[0], seen[-1] - across) / (0.5 * MM))
    return along.astype(np.float32), within
