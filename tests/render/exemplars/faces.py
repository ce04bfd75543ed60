"""Drawn faces with known landmarks, for the tests of exemplars."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync_edge.face.align import AlignedCrop
from lipsync_edge.face.landmarks import Landmarks
from lipsync_edge.models.spec import load_spec
from lipsync_edge.render.exemplars.target import Target
from lipsync_edge.render.exemplars.watcher import Seen, see
from lipsync_edge.render.segment import Regions
from lipsync_edge.types import F32, U8

SIDE = 128
FIVE = np.array([(0.33, 0.27), (0.67, 0.27), (0.50, 0.455), (0.375, 0.63), (0.625, 0.63)], np.float32)

_SHAPES = load_spec("edge_voice").shapes
assert _SHAPES is not None
TO_SHAPE = np.array([_SHAPES.opening, _SHAPES.width, _SHAPES.jaw], np.float32)


def points(opening: float = 0.1, width: float = 0.75, jaw: float = 1.2) -> F32:
    """78 points in crop units of an upright face that looks ahead; shapes in eye distances (0.34 of the crop)."""
    eye, middle, mouth = 0.34, 0.5, 0.66
    half, gap = width * eye / 2, opening * eye / 2
    lower_x = np.linspace(-1.0, 1.0, 11)
    arch = np.maximum(1 - np.square(lower_x), 0.0)
    lip = 0.035
    outer_low = np.stack([middle + half * lower_x, mouth + (gap + lip) * arch], 1)
    outer_up = np.stack([middle + half * lower_x, mouth - (gap + lip) * arch], 1)
    inner_low = np.stack([middle + 0.85 * half * lower_x, mouth + gap * arch], 1)
    inner_up = np.stack([middle + 0.85 * half * lower_x, mouth - gap * arch], 1)
    outer = np.concatenate([outer_low, outer_up[::-1][1:-1]])
    inner = np.concatenate([inner_low, inner_up[::-1][1:-1]])
    nose = [(0.5, y) for y in (0.27, 0.31, 0.35, 0.39)] + [(0.5, 0.44), (0.5, 0.455), (0.5, 0.5)]
    nose += [(0.44, 0.48), (0.47, 0.5), (0.53, 0.5), (0.56, 0.48)]
    chin = 0.5 + jaw * eye
    angle = np.linspace(np.pi, 0.0, 11)
    jaws = np.stack([0.5 + 0.36 * np.cos(angle), 0.45 + (chin - 0.45) * np.sin(angle)], 1)
    eyes = [(0.28, 0.27), (0.33, 0.25), (0.38, 0.27), (0.33, 0.29), (0.33, 0.27)]
    eyes += [(0.62, 0.27), (0.67, 0.25), (0.72, 0.27), (0.67, 0.29), (0.67, 0.27)]
    rest = [(0.27, 0.2), (0.4, 0.2), (0.6, 0.2), (0.73, 0.2), (0.3, 0.45), (0.7, 0.45)]
    return np.concatenate([outer, inner, nose, jaws, eyes, rest]).astype(np.float32)


def landmarks(opening: float = 0.1, width: float = 0.75, jaw: float = 1.2, visible: float = 1.0) -> Landmarks:
    """The same as the network would give them."""
    zero = np.zeros(78, np.float32)
    return Landmarks(points(opening, width, jaw), zero, np.zeros(3, np.float32), visible)


def picture(of: Landmarks, side: int = 256, light: float = 1.0, seed: int = 0) -> U8:
    """Draw a face: textured skin, red lips, dark inside; uint8 (side, side, 3)."""
    rng = np.random.default_rng(seed)
    skin = cv2.GaussianBlur(rng.normal(0, 60, (side, side)).astype(np.float32), (0, 0), side / 40)
    image = np.stack([110 + skin, 130 + skin, 180 + skin], 2)
    for part, color in ((slice(0, 20), (90, 70, 190)), (slice(20, 40), (20, 15, 30))):
        polygon = np.rint((of.points[part] * side - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(image, [polygon], color, lineType=cv2.LINE_AA, shift=4)
    return np.clip(image * light, 0, 255).astype(np.uint8)


def regions() -> Regions:
    """All of the crop may be replaced."""
    return Regions(np.ones((64, 64), np.float32), np.zeros((64, 64), np.float32))


def seen(
    opening: float = 0.1, width: float = 0.75, jaw: float = 1.2, *, visible: float = 1.0, light: float = 1.0
) -> Seen:
    """A frame of 256x256 whose aligned crop is the whole of it."""
    of = landmarks(opening, width, jaw, visible)
    frame = picture(of, light=light)
    five = (FIVE * 256 - 0.5).astype(np.float32)
    crop = np.asarray(cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    return see(frame, crop, five, of, regions())


def target(of: Seen) -> Target:
    """What a mouth is laid on."""
    return of.target


def whole_crop(frame: U8) -> AlignedCrop:
    """A crop that covers all of a square frame."""
    scale = SIDE / len(frame)
    shift = scale / 2 - 0.5
    return AlignedCrop(np.array([[scale, 0, shift], [0, scale, shift]]), SIDE)
