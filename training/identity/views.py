"""Views of a stored face that another camera, another moment and another light might give: the person stays."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import TEMPLATE, similarity
from lipsync_edge.face.landmarks import BROWS, EYES, JAW, LEFT_EYE_CORNERS, LIPS, NOSE_TIP, RIGHT_EYE_CORNERS
from training.data.light import camera, relight, side_light
from training.data.occluders import random_colour
from training.identity.store import SIDE as STORED

Array = npt.NDArray[Any]
Rng = np.random.Generator

SIDE = 64  # of what the network sees
GRID = 16  # the displacement is computed at so many places a side
YAW, PITCH = 22.0, 10.0  # degrees, standard deviations of the turn
SPREAD = 13.0  # stored pixels: how far a landmark's displacement reaches
MOUTH_CORNERS = (0, 10)
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float32)
_EDGE = np.linspace(0.0, STORED, 5)
FRAME = np.array([(x, y) for x in _EDGE for y in _EDGE if x in (0, STORED) or y in (0, STORED)], np.float32)


def turned(rng: Rng, points: Array) -> Array:
    """Return landmarks, float32 (78, 3) in stored pixels, after a turn of the head and another expression: (78, 2)."""
    yaw, pitch = np.radians(rng.normal(0, (YAW, PITCH)))
    cos_y, sin_y, cos_p, sin_p = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    centre = points[[*LEFT_EYE_CORNERS, *RIGHT_EYE_CORNERS, NOSE_TIP], :2].mean(0)
    x, y = (points[:, :2] - centre).T
    z = points[:, 2]
    x, z = cos_y * x - sin_y * z, sin_y * x + cos_y * z
    y = cos_p * y - sin_p * z
    out = np.stack([x, y], 1) + centre
    opening, smile = rng.exponential(3.0) * (rng.random() < 0.6), rng.normal(0, 2.0)
    out[10:11, 1] -= smile * 0.5
    low = [*range(1, 10), *range(20, 31)]  # the lower lip's edges
    out[low, 1] += opening
    out[JAW, 1] += opening * np.sin(np.linspace(0, np.pi, JAW.stop - JAW.start)) * 0.9
    corners = out[list(MOUTH_CORNERS)].mean(0)
    lips = out[LIPS] - corners
    out[LIPS, 0] = corners[0] + lips[:, 0] * np.exp(rng.normal(0, 0.08))
    out[BROWS, 1] += rng.normal(0, 1.5)
    lids = [EYES.start + 1, EYES.start + 6]
    out[lids, 1] += max(0.0, rng.normal(0, 1.0))
    return np.asarray(out, np.float32)


def field(points: Array, moved: Array, to_view: Array) -> tuple[Array, Array]:
    """Return where each view pixel looks in the stored picture: two maps, float32 (64, 64).

    Args:
        points: float32 (78, 2), landmarks in the stored picture.
        moved: float32 (78, 2), where they are to be.
        to_view: float64 (2, 3), stored pixels as moved → view pixels.
    """
    at = np.concatenate([moved, FRAME])
    back = np.concatenate([points - moved, np.zeros_like(FRAME)])
    from_view = cv2.invertAffineTransform(to_view)
    steps = (np.arange(GRID) + 0.5) * SIDE / GRID - 0.5
    places = np.array([(x, y, 1.0) for y in steps for x in steps]) @ from_view.T
    distance = ((places[:, None] - at[None]) ** 2).sum(2)
    weight = np.exp(-0.5 * distance / SPREAD**2) + 1e-9
    looks = places + (weight / weight.sum(1, keepdims=True)) @ back
    maps = looks.reshape(GRID, GRID, 2).astype(np.float32)
    wide = cv2.resize(maps, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(wide[..., 0]), np.ascontiguousarray(wide[..., 1])


def placed(rng: Rng, moved: Array) -> Array:
    """Return stored pixels → view pixels, float64 (2, 3), as a detector with its errors would align the face."""
    eyes = [moved[list(corners)].mean(0) for corners in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)]
    five = np.stack([*eyes, moved[NOSE_TIP], moved[0], moved[10]]).astype(np.float64)
    wild = 2.0 if rng.random() < 0.15 else 1.0
    five += rng.normal(0, 0.035 * wild * np.linalg.norm(five[1] - five[0]), five.shape)
    return similarity(five, TEMPLATE * SIDE - 0.5)


def other_surroundings(rng: Rng, face: Array, other: Array) -> Array:
    """Put another picture's edge round the face, so that nobody is known by a wall behind them."""
    centre = np.array([0.5, 0.46]) * SIDE + rng.normal(0, 2, 2)
    width, height = rng.uniform(0.34, 0.52) * SIDE, rng.uniform(0.42, 0.58) * SIDE
    far = ((COLUMNS - centre[0]) / width) ** 2 + ((ROWS - centre[1]) / height) ** 2
    mask = np.clip((1.25 - far) / 0.4, 0, 1)[..., None].astype(np.float32)
    return np.asarray(face * mask + other * (1 - mask), np.uint8)


def covered(rng: Rng, face: Array) -> Array:
    """Lay something in front: a bar or a blob of one colour."""
    out = face.copy()
    x, y = (int(v) for v in rng.integers(0, SIDE, 2))
    a, b = (int(v) for v in rng.integers(5, 20, 2))
    colour = tuple(float(v) for v in random_colour(rng, face))
    cv2.ellipse(out, (x, y), (a, b), float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    return out


def make_view(rng: Rng, crop: Array, points: Array, other: Array, mirror: bool) -> Array:
    """Return one view, uint8 (64, 64, 3) BGR.

    Args:
        rng: what is drawn.
        crop: uint8 (128, 128, 3), the stored face.
        points: float32 (78, 3), its landmarks.
        other: uint8 (128, 128, 3), a picture whose edge may stand round the face.
        mirror: whether left and right change places.
    """
    moved = turned(rng, points)
    to_view = placed(rng, moved)
    face = cv2.remap(
        crop,
        *field(points[:, :2], moved, to_view),
        interpolation=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if rng.random() < 0.7:
        x, y = (int(v) for v in rng.integers(0, STORED - SIDE, 2))
        face = other_surroundings(rng, face, other[y : y + SIDE, x : x + SIDE])
    if rng.random() < 0.15:
        face = covered(rng, face)
    if rng.random() < 0.4:
        face = side_light(rng, face)
    face = relight(rng, face, 0.8)
    if rng.random() < 0.3:
        side = int(rng.integers(20, 50))
        face = cv2.resize(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), (SIDE, SIDE))
    face = camera(rng, face, 0.7)
    return np.ascontiguousarray(face[:, ::-1]) if mirror else np.asarray(face, np.uint8)
