"""Layers of a mouth's inside, drawn once for a person and then only moved: what belongs to the head, and to the jaw."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.render.inside.easing import smooth
from lipsync_edge.render.inside.teeth import LOWER, MM, UPPER, draw
from lipsync_edge.render.inside.tone import Tone
from lipsync_edge.types import F32, U8

F64 = npt.NDArray[np.float64]

MOST = 360.0  # pixels of the layers for one eye distance at most
ACROSS, ABOVE, BELOW = 0.62, 0.3, 0.62  # eye distances that the layers reach from the upper edge's middle
SOFT = 1.1  # pixels of the picture: width of edges
OVERBITE = 2.6 * MM  # so much higher stands the lower edge when the jaw is shut
LOWER_LIGHT = 0.68  # of the upper row's
SHADE, SHADE_HEIGHT = 0.5, 2.2 * MM  # the upper row's shadow on what lies behind it
TONGUE_BEHIND, TONGUE_SOFT, TONGUE_WIDTH = 1.0 * MM, 0.035, 0.34
TONGUE_LIGHT = (0.4, 0.75)  # at its rim, and farther down
# A raised tongue from the front, in eye distances: half its width, and half of that of its layer; its tip laps so far
# over the upper edge and comes down at least so far below it.
RAISED_WIDTH, RAISED_ACROSS = 0.2, 0.23
RAISED_ABOVE, RAISED_LEAST = 1.1 * MM, 3.2 * MM
RAISED_ROUND = 0.4  # of its height: the rounded part
RAISED_LIGHT = (1.2, 0.7)  # at its tip, and at its lower end
FROM_ABOVE = 0.055  # eye distances that the upper lip's shadow reaches down
DEPTH = 0.05  # eye distances: an opening of about this lets half of the light in
# Light in the narrowest slit; how much of the surroundings must be open for all of it.
LEAST, MOST_AT = 0.58, 0.62
REDDER = (1.15, 1.05, 0.85)  # BGR powers of the light: what falls in by way of lips and gums is red
LIP_SHADE = 0.24  # what the upper lip's shadow takes away


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Pictures over the plane of the front teeth: x to the image's right, y down, both from the upper edge's middle.

    Attributes:
        head: uint8 (h, w, 3) BGR, the upper row and its shadow.
        shown: float32 (h, w), 0…1, where it is.
        jaw: uint8 (h, w, 3), lower row, tongue and dark; moves down with the jaw.
        to_pixels: float64 (2, 3), eye distances → pixels of the pictures.
        raised: uint8 (k, m, 3), the tongue with its tip raised: before both rows.
        raised_shown: float32 (k, m), 0…1, where that is.
        raised_to_pixels: float64 (2, 3), eye distances across and parts of its height → pixels of the two.
    """

    head: U8
    shown: F32
    jaw: U8
    to_pixels: F64
    raised: U8
    raised_shown: F32
    raised_to_pixels: F64


def draw_layers(tone: Tone, yaw: float, fine: float) -> Layers:
    """Draw the layers.

    Args:
        tone: the colours.
        yaw: of the head, degrees; > 0: turned towards the image's right.
        fine: pixels of one eye distance where they will be shown.
    """
    scale = min(fine, MOST)
    width, height = round(2 * ACROSS * scale), round((ABOVE + BELOW) * scale)
    x = (np.arange(width, dtype=np.float32) + 0.5) / scale - ACROSS
    y = (np.arange(height, dtype=np.float32) + 0.5) / scale - ABOVE
    x, y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    soft = SOFT / scale
    upper, light = draw(UPPER, x, y, yaw, soft)
    shadow = SHADE * np.exp(-np.square(np.maximum(y, 0.0) / SHADE_HEIGHT)) * smooth((0.45 - np.abs(x)) / 0.1)
    shown = upper + (1.0 - upper) * shadow
    head = tone.tooth * (light * upper / np.maximum(shown, 1e-3))[..., None]
    to_pixels = np.array([[scale, 0.0, ACROSS * scale - 0.5], [0.0, scale, ABOVE * scale - 0.5]])
    jaw = _bytes(_jaw(tone, x, y, yaw, soft))
    return Layers(_bytes(head), shown.astype(np.float32), jaw, to_pixels, *_raised(tone, scale))


def _jaw(tone: Tone, x: F32, y: F32, yaw: float, soft: float) -> F32:
    """Draw what moves with the jaw: float32 (h, w, 3)."""
    made = np.broadcast_to(tone.dark, (*x.shape, 3)).astype(np.float32)
    below = y + OVERBITE - TONGUE_BEHIND - 0.4 * np.square(x)
    tongue = smooth(below / TONGUE_SOFT + 0.5) * smooth((TONGUE_WIDTH - np.abs(x)) / 0.12)
    low, high = TONGUE_LIGHT
    made += tongue[..., None] * (tone.tongue * (low + (high - low) * smooth(below / 0.12))[..., None] - made)
    row, light = draw(LOWER, x, -(y + OVERBITE), yaw, soft)
    made += row[..., None] * (tone.tooth * (LOWER_LIGHT * light)[..., None] - made)
    return made


def _raised(tone: Tone, scale: float) -> tuple[U8, F32, F64]:
    """Draw a tongue whose tip is raised: its picture, where it is, and the map of the two; see `Layers`."""
    width, height = round(2 * RAISED_ACROSS * scale), max(round(RAISED_WIDTH * scale), 2)
    x = (np.arange(width, dtype=np.float32) + 0.5) / scale - RAISED_ACROSS
    part = (np.arange(height, dtype=np.float32) + 0.5) / height
    x, part = np.meshgrid(x.astype(np.float32), part.astype(np.float32))
    above = np.clip(1.0 - part / RAISED_ROUND, 0.0, 1.0)
    half = RAISED_WIDTH * np.sqrt(1.0 - np.square(above))
    soft = 2.0 * SOFT / scale
    shown = smooth((half - np.abs(x)) / soft + 0.5) * smooth((1.0 - part) / 0.15)
    tip, end = RAISED_LIGHT
    light = (tip + (end - tip) * smooth(part)) * (1.0 - 0.35 * np.square(x / RAISED_WIDTH))
    made = tone.tongue * light[..., None]
    to_pixels = np.array([[scale, 0.0, RAISED_ACROSS * scale - 0.5], [0.0, float(height), -0.5]])
    return _bytes(made.astype(np.float32)), shown.astype(np.float32), to_pixels


def paint(layers: Layers, mask: F32, to_region: F64, drop: float, tongue: float = 0.0) -> U8:
    """Paint the inside of a mouth, uint8 (h, w, 3) BGR.

    Args:
        layers: the person's.
        mask: float32 (h, w), 0…1, where the lips are open.
        to_region: float64 (2, 3), eye distances from the upper edge's middle, across and down → pixels of the mask.
        drop: of the lower row, in eye distances.
        tongue: how far its tip is raised, 0…1.
    """
    size = mask.shape[1::-1]
    back = np.asarray(cv2.invertAffineTransform(layers.to_pixels), np.float64)
    onto, down = joined(to_region, back), to_region.copy()
    down[:, 2] += to_region[:, 1] * drop
    made = cv2.warpAffine(layers.jaw, joined(down, back), size, borderMode=cv2.BORDER_REPLICATE)
    head = cv2.warpAffine(layers.head, onto, size, borderMode=cv2.BORDER_REPLICATE)
    shown = np.asarray(cv2.warpAffine(layers.shown, onto, size), np.float32)
    made = cv2.blendLinear(head, made, shown, 1.0 - shown)
    if tongue > 0.0:
        made = _raise_tongue(np.asarray(made, np.uint8), layers, to_region, drop, tongue)
    light = lit(mask, float(np.hypot(*to_region[:, 1])))
    coloured = cv2.merge([cv2.pow(light, power) for power in REDDER])
    return np.asarray(cv2.multiply(made, coloured, dtype=cv2.CV_8U), np.uint8)


def _raise_tongue(made: U8, layers: Layers, to_region: F64, drop: float, tongue: float) -> U8:
    """Return the inside with the tongue before it, from the upper row's edge to the lower row's."""
    end = max(drop - OVERBITE, 0.0) + RAISED_LEAST
    place = np.array([[1.0, 0.0, 0.0], [0.0, end + RAISED_ABOVE, -RAISED_ABOVE]])
    back = np.asarray(cv2.invertAffineTransform(layers.raised_to_pixels), np.float64)
    onto, size = joined(joined(to_region, place), back), made.shape[1::-1]
    picture = cv2.warpAffine(layers.raised, onto, size, borderMode=cv2.BORDER_REPLICATE)
    shown = np.asarray(cv2.warpAffine(layers.raised_shown, onto, size), np.float32) * np.float32(tongue)
    return np.asarray(cv2.blendLinear(picture, made, shown, 1.0 - shown), np.uint8)


def lit(mask: F32, unit: float) -> F32:
    """Return how much light reaches the inside, 0…1: little through a slit, and less under the upper lip.

    Args:
        mask: float32 (h, w), 0…1, where the lips are open.
        unit: pixels of one eye distance.
    """
    small = min(1.0, 60.0 / unit)
    size = (max(8, round(mask.shape[1] * small)), max(8, round(mask.shape[0] * small)))
    plane = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    unit *= small
    open_round = cv2.GaussianBlur(plane, (0, 0), DEPTH * unit, borderType=cv2.BORDER_CONSTANT)
    moved = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, FROM_ABOVE * unit]])
    above = cv2.GaussianBlur(cv2.warpAffine(plane, moved, size), (0, 0), 0.4 * FROM_ABOVE * unit)
    light = LEAST + (1.0 - LEAST) * smooth(np.asarray(open_round / MOST_AT, np.float32))
    light = light * (1.0 - LIP_SHADE * (1.0 - above))
    return np.asarray(
        cv2.resize(light.astype(np.float32), mask.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32
    )


def joined(second: F64, first: F64) -> F64:
    """Return the map that does `first`, then `second`, float64 (2, 3)."""
    joined = second[:, :2] @ np.column_stack([first[:, :2], first[:, 2]])
    joined[:, 2] += second[:, 2]
    return np.asarray(joined, np.float64)


def _bytes(picture: F32) -> U8:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
