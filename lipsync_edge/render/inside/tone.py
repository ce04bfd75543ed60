"""The colours of a mouth's inside, estimated from the face round it: its light, its tint, its lips."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync_edge.face.landmarks import INNER_LIP
from lipsync_edge.types import F32, U8

CHEEKS = ((0.22, 0.46, 0.34, 0.58), (0.66, 0.46, 0.78, 0.58))  # of the crop: left, top, right, bottom
FACE = (0.25, 0.3, 0.75, 0.6)
LOWER_LIP = (3, 4, 5, 6, 7, 27, 26, 25, 24, 23)  # its red, from outside to inside
# Teeth are so many times as light as the cheek, or as the face's brightest parts, whichever is more.
CHEEK_SHARE, BRIGHT_SHARE = 1.12, 0.9
BRIGHT = 0.97  # quantile
SKIN = (0.72, 0.93, 1.18)  # BGR, a cheek in white light
ENAMEL = (0.83, 0.95, 1.03)  # BGR, a tooth in white light
TINT = 0.6  # how much of the light's tint, as skin shows it, is believed
DARK = (0.75, 0.7, 1.3)  # BGR of the throat
DARKNESS = 0.1  # times as light as teeth
TONGUE = (0.78, 0.72, 0.8)  # times the lip's colour
COLOURED = 0.3  # a cheek's spread of its channels over its grey level; below it the picture is nearly grey
SEEN = 0.07  # eye distances: from this opening on, teeth that are seen say how light they are
GREY = np.array([0.114, 0.587, 0.299])


@dataclass(frozen=True, slots=True, eq=False)
class Tone:
    """Colours, float32 (3,) BGR, 0…255, in the light that falls on the face.

    Attributes:
        tooth: of a front tooth that nothing shades.
        tongue: of a tongue that nothing shades.
        dark: of what lies behind.
    """

    tooth: F32
    tongue: F32
    dark: F32


def tone_of(crop_bgr: U8, points: F32, opening: float) -> Tone:
    """Estimate the colours from a face.

    Args:
        crop_bgr: uint8 (S, S, 3), its aligned crop.
        points: float32 (78, 2), its landmarks in pixels of the crop.
        opening: of its mouth, in eye distances.
    """
    crop = crop_bgr.astype(np.float32)
    cheek = np.mean([_part(crop, box).reshape(-1, 3).mean(0) for box in CHEEKS], 0)
    light = float(cheek @ GREY)
    level = max(
        CHEEK_SHARE * light,
        BRIGHT_SHARE * float(np.quantile(_part(crop, FACE) @ GREY.astype(np.float32), BRIGHT)),
    )
    level = min(level, 235.0)
    if opening > SEEN:
        inside = crop[_polygon(crop_bgr, points, INNER_LIP)] @ GREY
        if len(inside) > 8:
            level = float(np.clip(np.quantile(inside, 0.85), 0.6 * level, 1.15 * level))
    coloured = float(np.clip(np.ptp(cheek) / max(light, 1.0) / COLOURED, 0.0, 1.0))
    skin = np.array(SKIN) / (np.array(SKIN) @ GREY)
    tint = (cheek / max(light, 1.0) / skin) ** TINT
    lip = np.median(crop[_polygon(crop_bgr, points, LOWER_LIP)].reshape(-1, 3), 0)

    def colour(of: tuple[float, float, float]) -> F32:
        return (1.0 + (np.array(of) * tint - 1.0) * coloured).astype(np.float32)

    return Tone(
        tooth=np.clip(level * colour(ENAMEL), 0.0, 250.0).astype(np.float32),
        tongue=(lip * TONGUE).astype(np.float32),
        dark=(level * DARKNESS * colour(DARK)).astype(np.float32),
    )


def _part(crop: F32, box: tuple[float, float, float, float]) -> F32:
    left, top, right, bottom = (round(part * len(crop)) for part in box)
    return crop[top:bottom, left:right]


def _polygon(crop_bgr: U8, points: F32, chosen: slice | tuple[int, ...]) -> np.ndarray:
    """Return which pixels of a crop landmarks enclose; the nearest one to their middle where they enclose none."""
    places = points[chosen if isinstance(chosen, slice) else list(chosen)]
    mask = np.zeros(crop_bgr.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(places * 16).astype(np.int32)], 1, shift=4)
    if not mask.any():
        x, y = np.clip(np.rint(places.mean(0)).astype(int), 0, len(crop_bgr) - 1)
        mask[y, x] = 1
    return mask > 0
