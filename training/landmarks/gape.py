"""Open or shut the mouth of a face: lips and chin move apart along the line between the lips, the inside is drawn.

The stills hold many people but few mouth shapes, the films the other way round; this gives every person every opening.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.landmarks.points import LIPS

Array = npt.NDArray[Any]
Rng = np.random.Generator

RING = LIPS // 2
LOWER = slice(RING, RING + 11)  # inner lip, image-left corner to the other along the lower lip
UPPER = (RING, *range(LIPS - 1, RING + 9, -1))  # the same along the upper lip
UPPER_SHARE = 0.22  # of the change; the jaw does the rest


@dataclass(frozen=True, slots=True, eq=False)
class Gape:
    """How the gap between the lips changes, in a frame along the mouth: s from corner to corner 0..1, t downwards.

    Attributes:
        left: float64 (2,), inner corner, pixels.
        along: float64 (2,), unit vector to the other corner.
        length: distance of the corners, pixels.
        knots: float64 (11,), places s of the pairs of lip points.
        upper: float64 (11,), t of the upper inner lip there; lower: of the lower one.
        change: float64 (11,), pixels by which the gap grows.
        reach: pixels over which the skin above and below follows.
    """

    left: Array
    along: Array
    length: float
    knots: Array
    upper: Array
    lower: Array
    change: Array
    reach: tuple[float, float]

    def local(self, xy: Array) -> tuple[Array, Array]:
        """Return s and t of points (..., 2)."""
        x, y = xy[..., 0] - self.left[0], xy[..., 1] - self.left[1]
        s = (x * self.along[0] + y * self.along[1]) / self.length
        return s, y * self.along[0] - x * self.along[1]

    def edges(self, s: Array) -> tuple[Array, Array, Array, Array]:
        """Return t of the upper and the lower inner lip at places s, first before, then after the change."""
        upper, lower, change = (np.interp(s, self.knots, v) for v in (self.upper, self.lower, self.change))
        return upper, lower, upper - UPPER_SHARE * change, lower + (1 - UPPER_SHARE) * change


def draw_gape(rng: Rng, points: Array) -> Gape | None:
    """Choose another opening for a face (78, 3); None where its lips are too short or tangled."""
    left, right = (points[row, :2].astype(np.float64) for row in (UPPER[0], UPPER[-1]))
    length = float(np.linalg.norm(right - left))
    if length < 10:
        return None
    empty = Gape(left, (right - left) / length, length, *(np.zeros(11),) * 4, (0.0, 0.0))
    (su, upper), (sl, lower) = (
        empty.local(points[list(rows), :2]) for rows in (UPPER, range(RING, RING + 11))
    )
    knots = (su + sl) / 2
    if (np.diff(knots) <= 0.005).any():
        return None
    middle = (upper + lower) / 2
    gap = np.maximum(lower - upper, 0)
    profile = np.sqrt(np.clip(4 * knots * (1 - knots), 0, 1)) ** rng.uniform(1.0, 2.0)
    wanted = gap * rng.uniform(0, 1) if rng.random() < 0.4 else gap + profile * length * rng.uniform(0, 0.5)
    reach = length * rng.uniform(0.3, 0.5), length * rng.uniform(0.6, 1.0)
    return Gape(left, empty.along, length, knots, middle - gap / 2, middle + gap / 2, wanted - gap, reach)


def _shift(gape: Gape, edges: tuple[Array, Array, Array, Array], t: Array) -> Array:
    """Return by how much the skin at a new place t, outside the gap, was moved."""
    upper, lower, above, below = edges
    over, under = np.maximum(above - t, 0) / gape.reach[0], np.maximum(t - below, 0) / gape.reach[1]
    up, down = (above - upper) * np.exp(-(over**2)), (below - lower) * np.exp(-(under**2))
    return np.asarray(np.where(t < (above + below) / 2, up, down))


def move_points(gape: Gape, points: Array) -> Array:
    """Return the points (78, 3) after the change."""
    s, t = gape.local(points[:, :2].astype(np.float64))
    edges, inside = gape.edges(s), (s > 0) & (s < 1)
    new = t.copy()
    for _ in range(8):
        new = t + np.where(inside, _shift(gape, edges, new), 0)
    _, _, new[list(UPPER)], _ = gape.edges(gape.knots)
    _, _, _, new[LOWER] = gape.edges(gape.knots)
    across = np.array([-gape.along[1], gape.along[0]])
    out: Array = points.copy()
    out[:, :2] += (new - t)[:, None] * across
    return out


def field_of(gape: Gape, columns: Array, rows: Array) -> tuple[Array, Array]:
    """Return a displacement, float32 (h, w, 2): pixel → where to look, and the new gap, float32 (h, w) 0..1."""
    s, t = gape.local(np.stack([columns, rows], -1))
    inside = (s > 0) & (s < 1)
    s, t = s[inside], t[inside]
    edges = upper, lower, above, below = gape.edges(s)
    part = (t - above) / np.maximum(below - above, 1e-3)
    between = (part > 0) & (part < 1)
    moved = np.where(between, upper + part * (lower - upper) - t, -_shift(gape, edges, t))
    field, gap = np.zeros((*columns.shape, 2), np.float32), np.zeros(columns.shape, np.float32)
    field[inside] = moved[:, None] * np.array([-gape.along[1], gape.along[0]])
    gap[inside] = np.clip(np.minimum(t - above, below - t) + 0.5, 0, 1)
    return field, gap


def paint_inside(rng: Rng, gape: Gape, image_bgr: Array, gap: Array, columns: Array, rows: Array) -> Array:
    """Draw dark, teeth and tongue into the gap, uint8 (h, w, 3); light as the face has it round the mouth."""
    there = gap > 0
    if not there.any():
        return image_bgr
    s, t = gape.local(np.stack([columns[there], rows[there]], -1))
    _, _, above, below = gape.edges(s)
    colour = np.array([rng.uniform(15, 50), rng.uniform(12, 45), rng.uniform(30, 95)]) * rng.uniform(0.4, 1.2)
    inside = np.ones((len(s), 3)) * colour
    narrow = np.clip((0.5 - np.abs(s - 0.5)) * rng.uniform(3, 8) - rng.uniform(0, 0.5), 0, 1)
    reach = gape.length * rng.uniform(0.06, 0.16)
    if rng.random() < 0.65:  # the upper teeth hang from above
        _lay(
            inside,
            np.clip(reach - (t - above), 0, 1) * narrow,
            np.array([0.9, 0.97, 1.0]) * rng.uniform(150, 225),
        )
    if rng.random() < 0.3:
        _lay(
            inside,
            np.clip(reach * 0.7 - (below - t), 0, 1) * narrow,
            np.array([0.88, 0.95, 1]) * rng.uniform(120, 200),
        )
    if rng.random() < 0.5:
        tongue = np.clip((reach * 1.2 - (below - t)) / 3, 0, 1) * np.clip(narrow, 0, 0.9)
        _lay(inside, tongue, np.array([80, 75, 150]) * rng.uniform(0.5, 1.2))
    light = np.clip(float(image_bgr[~there].mean()) / 110, 0.2, 1.4)
    drawn = np.zeros((*gap.shape, 3), np.float32)
    drawn[there] = inside * light
    weight = gap[..., None]
    cover = cv2.GaussianBlur(there.astype(np.float32), (0, 0), 0.7)
    drawn = cv2.GaussianBlur(drawn, (0, 0), 0.7) / np.maximum(cover, 0.05)[..., None]
    return np.asarray(np.clip(image_bgr * (1 - weight) + drawn * weight, 0, 255), np.uint8)


def _lay(image: Array, alpha: Array, colour: Array) -> None:
    image += alpha[:, None] * (colour - image)
