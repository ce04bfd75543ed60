"""The rest of the way: how a mouth's landmarks must move to the shape that is asked, and the map that moves them.

Everything here is in pixels of the target's aligned crop. A map says for each place of the result where it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync_edge.face.landmarks import (
    CHIN,
    JAW,
    LEFT_EYE_CORNERS,
    LIPS,
    NOSE_BASE,
    RIGHT_EYE_CORNERS,
    Landmarks,
)
from lipsync_edge.types import F32

LOWER_OUTER = tuple(range(11))  # corner to corner, image-left to right
UPPER_OUTER = (0, *range(19, 10, -1), 10)
LOWER_INNER = tuple(range(20, 31))
UPPER_INNER = (20, *range(39, 30, -1), 30)
# times the exemplar's opening, and eye distances: teeth must not grow
MOST_STRETCH, LEAST_STRETCH = (1.2, 0.02)
MOST_WIDER = 0.12  # of the exemplar's width: how far it is pulled wide or pressed narrow
UPPER_SHARE = 0.25  # of a change of the opening; the lower lip makes the rest
JAW_SHARE = (0.0, 0.0, 0.2, 0.65, 0.95, 1.0, 0.95, 0.65, 0.2, 0.0, 0.0)  # from ear to ear
TURNED = (20.0, 34.0)  # degrees of yaw: between these the chin stops following, its far side is not seen
BELOW = 0.13  # of the crop: so far under the chin nothing moves any more
JAW_BELOW = 0.16  # of the crop: so far below the mouth the jaw must be for a column to move freely
ASIDE = 0.8  # of the mouth's width: so far beside its corners nothing moves sideways
TUCK_PRESS = 0.7  # of that: how much of the lower lip is rolled in under the teeth
TUCK_RAISE = 0.024  # eye distances that the lower lip's outer line comes up meanwhile
PRESS = 0.025  # eye distances of each lip that are rolled in where lips are asked to be shut
PRESSED, SEALED = 0.03, 0.015  # asked opening where that begins, and where it is whole
SHUT_BEFORE = (0.015, 0.035)  # opening of a picture's own lips: below the first they meet already
# of the mouth's width: what is left of a lip at least; of what is beyond that, at most
THIN, ROLLED = 0.06, 0.6
GAP = 0.02  # pixels between the knots of a column at least
_GAPS = (GAP * np.arange(6, dtype=np.float32))[:, None]
Press = tuple[float, float]  # of the upper and of the lower lip
UNPRESSED: Press = (0.0, 0.0)
# the lines below the nose's base, from above
_LINES = tuple(
    np.array(line)
    for line in (UPPER_OUTER, UPPER_INNER, LOWER_INNER, LOWER_OUTER, range(JAW.start, JAW.stop))
)


@dataclass(frozen=True, slots=True, eq=False)
class FaceShape:
    """A face laid into the target's crop.

    Attributes:
        points: float32 (78, 2), crop pixels.
        shape: float32 (3,), opening, width and jaw in eye distances.
        unit: crop pixels of one eye distance, as if seen from the front.
        yaw: degrees.
    """

    points: F32
    shape: F32
    unit: float
    yaw: float


def eye_distance(landmarks: Landmarks, side: int) -> float:
    """Return the distance of the eye centres in crop pixels, depth included."""
    solid = np.concatenate([landmarks.points, landmarks.depth[:, None]], 1)
    left, right = (solid[list(corners)].mean(0) for corners in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS))
    return float(np.linalg.norm(right - left)) * side


def goal(
    lips_of: FaceShape,
    target: FaceShape,
    asked: F32,
    most_wider: float = MOST_WIDER,
    *,
    stretch: float = MOST_STRETCH,
    tuck: float = 0.0,
) -> F32:
    """Return where landmarks shall lie, float32 (78, 2): lips after one face, chin after the target, both as asked.

    Args:
        lips_of: whose lips are taken: an exemplar laid on the target's head, or the target itself.
        target: the face of the frame.
        asked: float32 (3,), opening, width and jaw in eye distances.
        most_wider: of the lips' width: how far they are pulled wide or pressed narrow.
        stretch: times the opening of the lips that are taken, at most.
        tuck: how far the lower lip is under the upper teeth, 0…1: there it stays, and the upper one is lifted off it.
    """
    points = target.points.copy()
    lips = lips_of.points[LIPS]
    most = most_wider * lips_of.shape[1]
    wider = float(np.clip(asked[1] - lips_of.shape[1], -most, most))
    taller = min(asked[0], stretch * lips_of.shape[0] + LEAST_STRETCH) - lips_of.shape[0]
    left, right = lips[0], lips[10]
    middle, half = (left + right) / 2, max(float(np.linalg.norm(right - left)) / 2, 1.0)
    along = (right - left) / (2 * half)
    across = np.array([-along[1], along[0]], np.float32)
    place = (lips - middle) @ along / half  # -1 at the left corner, 1 at the right one
    spread = wider * target.unit * np.cos(np.radians(target.yaw)) / (2 * half)
    taper = np.clip(1.0 - np.square(place), 0.0, 1.0) if taller > 0 else _gaps(lips, place, across)
    upper = UPPER_SHARE + tuck * ((1.0 if taller > 0 else 0.0) - UPPER_SHARE)
    down = np.full(len(lips), 1.0 - upper)
    down[[*UPPER_OUTER[1:-1], *UPPER_INNER[1:-1]]] = -upper
    points[LIPS] = lips + np.outer(place * half * spread, along)
    points[LIPS] += np.outer(down * taper * taller * target.unit, across)
    below = list(LOWER_OUTER[1:-1])
    rise = tuck * TUCK_RAISE * np.clip(1.0 - np.square(place[below]), 0.0, 1.0)
    points[below] -= np.outer(rise * target.unit, across)
    lower = (asked[2] - target.shape[2]) * target.unit * facing(target.yaw)
    points[JAW] += np.outer(np.array(JAW_SHARE) * lower, _down_the_face(target.points))
    return points.astype(np.float32)


def _gaps(lips: F32, place: F32, across: F32) -> F32:
    """Return how far apart the inner lips stand at each point's place, float32 (40,), 1 in the middle: as they close.

    Lips that close so meet everywhere at once, whatever the shape of their opening.
    """
    upper, lower = ((place[list(line)], lips[list(line)] @ across) for line in (UPPER_INNER, LOWER_INNER))
    lines = [np.interp(place, np.maximum.accumulate(at), down) for at, down in (upper, lower)]
    gap = np.maximum(lines[1] - lines[0], 0.0)
    middle = float(np.mean([lower[1][k] - upper[1][k] for k in (4, 5, 6)]))
    ends = np.clip((1.0 - np.abs(place)) / 0.1, 0.0, 1.0)
    return np.asarray(np.clip(gap / max(middle, 1e-3), 0.0, 1.3) * ends, np.float32)


def facing(yaw: float) -> float:
    """Return 1 for a face that looks ahead, falling smoothly to 0 for one whose far jaw is not seen; degrees."""
    return 1.0 - float(_smooth(np.array((abs(yaw) - TURNED[0]) / (TURNED[1] - TURNED[0]), np.float32)))


def source_map(
    result: F32, source: F32, x: F32, y: F32, side: int, press: Press = UNPRESSED
) -> tuple[F32, F32]:
    """Return where each place (x, y), float32 (h, w), of the result comes from.

    Columns are stretched between nose base, lips and chin; beside the corners, above the nose and under the chin the
    motion dies away.

    Args:
        result: float32 (78, 2), landmarks of the result.
        source: float32 (78, 2), the same of the picture that is read.
        x: columns of the grid.
        y: rows of the grid.
        side: of the crop, in pixels.
        press: so many pixels of the upper and of the lower lip's inner edge are rolled in, out of sight.
    """
    return mapped(Lines.of(result, source, x[0], side, press), x, y)


def mapped(lines: Lines, x: F32, y: F32) -> tuple[F32, F32]:
    """Return where each place (x, y), float32 (h, w), comes from; see `source_map`. Columns are those of the lines."""
    there, here = lines.there, lines.here
    moved, part = np.minimum(y - there[0], 0.0), np.empty_like(y)
    moved += here[0]
    for k in range(len(there) - 1):
        np.subtract(y, there[k], out=part)
        part /= there[k + 1] - there[k]
        np.maximum(part, 0.0, out=part)
        np.minimum(part, 1.0, out=part)
        part *= here[k + 1] - here[k]
        moved += part
    np.subtract(y, there[-1], out=part)
    np.maximum(part, 0.0, out=part)
    moved += part
    _move_inside(moved, there, here, y)
    down = _smooth((y - there[0]) / np.maximum(there[1] - there[0], 1.0))
    up = _smooth((there[-2] - y) / np.maximum(there[-2] - there[-3], 1.0))
    down *= up
    down *= lines.aside
    down += x
    moved -= y
    moved *= lines.near
    moved += y
    return down, moved


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """What is where in each column of a result, and where it comes from; w columns, crop pixels.

    Attributes:
        there: float32 (7, w), nose base, upper lip outside and in, lower lip in and outside, chin, below.
        here: float32 (7, w), the same in the picture that is read.
        aside: float32 (w,), how far beside it a column comes from.
        near: float32 (w,), 1 near the mouth, 0 where nothing moves.
    """

    there: F32
    here: F32
    aside: F32
    near: F32

    @classmethod
    def of(cls, result: F32, source: F32, columns: F32, side: int, press: Press = UNPRESSED) -> Lines:
        """Lay the lines of both through columns, float32 (w,); see `source_map`."""
        aside = _sideways(result, source, columns)
        there = _knots(result, columns, result[NOSE_BASE, 1], side)
        here = _knots(source, columns + aside, result[NOSE_BASE, 1], side)
        if max(press) > 0.0:
            here = _pressed(here, columns, result, press)
        here[-1] = np.maximum(here[-2] + 1.0, there[-1])  # under the chin nothing moves
        width = max(float(result[10, 0] - result[0, 0]), 8.0)
        near = _smooth(
            (there[5] - there[4]) / (JAW_BELOW * side)
        )  # where the jaw's line runs up, nothing moves
        beside = np.abs(columns - (result[0, 0] + result[10, 0]) / 2) / width
        return cls(there, here, aside, near * (1.0 - _smooth((beside - 0.9) / 0.7)))


def _move_inside(moved: F32, there: F32, here: F32, y: F32) -> None:
    """Move the map's inside like teeth, in place: the upper row with the head, the lower one with its lip.

    A lip that comes over the upper row hides it; where it draws back farther than the picture shows, the strip beside
    it is stretched. What lies between the rows makes up for the rest.
    """
    top, bottom = there[2], there[3]
    rows = np.flatnonzero((y[:, 0] > top.min()) & (y[:, 0] < bottom.max()))
    if not len(rows):
        return
    chosen = slice(int(rows[0]), int(rows[-1]) + 1)
    y = y[chosen]
    back = np.maximum(here[2] - top, 0.0)
    upper = back * (1.0 - _smooth((y - top) / np.maximum(2.0 * back, 0.5)))
    share = _smooth((y - top) / np.maximum(bottom - top, 1.0))
    teeth = y + (1.0 - share) * upper + share * (here[3] - bottom)
    inside = (y > top) & (y < bottom)
    np.copyto(moved[chosen], np.minimum(np.maximum(teeth, here[2]), here[3]), where=inside)


def _sideways(result: F32, source: F32, columns: F32) -> F32:
    """Return how far each column's source lies beside it."""
    aside = ASIDE * max(float(result[10, 0] - result[0, 0]), 8.0)
    ends = min(result[0, 0], source[0, 0]) - aside, max(result[10, 0], source[10, 0]) + aside
    there = np.array([ends[0], result[0, 0], (result[5, 0] + result[15, 0]) / 2, result[10, 0], ends[1]])
    here = np.array([ends[0], source[0, 0], (source[5, 0] + source[15, 0]) / 2, source[10, 0], ends[1]])
    return np.asarray(np.interp(columns, there, here - there), np.float32)


def _knots(points: F32, columns: F32, top: float, side: int) -> F32:
    """Return float32 (7, w): nose base, upper lip outside and in, lower lip in and outside, chin, below."""
    knots = np.empty((7, len(columns)), np.float32)
    knots[0] = top
    for k, line in enumerate(_LINES, 1):
        part = points[line]
        knots[k] = np.interp(columns, np.maximum.accumulate(part[:, 0]), part[:, 1])  # its ends are held
    upper = knots[:6]
    np.maximum.accumulate(upper, 0, out=upper)
    upper += _GAPS
    knots[6] = knots[5] + np.float32(BELOW * side)
    return knots


def _pressed(knots: F32, columns: F32, result: F32, press: Press) -> F32:
    """Return the knots with the inner edges of the lips moved into them.

    Lips that are pressed together in the picture are thin already; rolled in once more they would vanish.
    """
    width = max(float(result[10, 0] - result[0, 0]), 1.0)
    place = 2.0 * (columns - result[0, 0]) / width - 1.0
    share = np.clip(2.0 * (1.0 - np.abs(place)), 0.0, 1.0)
    knots = knots.copy()
    thin = np.float32(THIN * width)
    upper, lower = (
        ROLLED * np.maximum(lip - thin, 0.0) for lip in (knots[2] - knots[1], knots[4] - knots[3])
    )
    knots[2] -= np.minimum(share * press[0], upper)
    knots[3] += np.minimum(share * press[1], lower)
    return knots


def parted(opening: float) -> float:
    """Return how far a picture's own lips, so many eye distances open, are apart, 0…1: shut ones need no rolling in."""
    low, high = SHUT_BEFORE
    return float(_smooth(np.array((opening - low) / (high - low), np.float32)))


def press_of(asked: F32) -> float:
    """Return how far shut lips are rolled in, 0…1 times PRESS: a slit that landmarks take for shut is shut by that."""
    return float(_smooth(np.array((PRESSED - float(asked[0])) / (PRESSED - SEALED), np.float32)))


def _down_the_face(points: F32) -> F32:
    way = points[CHIN] - points[NOSE_BASE]
    return np.asarray(way / max(float(np.linalg.norm(way)), 1e-6), np.float32)


def _smooth(part: F32) -> F32:
    part = np.minimum(np.maximum(part, 0.0), 1.0)
    return np.asarray(part * part * (3.0 - 2.0 * part), np.float32)
