"""Views of a stored face as a camera and a five-point detector might give them, with its landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import TEMPLATE, similarity
from training.data.light import camera, jpeg, relight, side_light
from training.data.occluders import occlude
from training.landmarks.gape import draw_gape, field_of, move_points, paint_inside
from training.landmarks.points import LIPS, VERTICES, mirrored_order

Array = npt.NDArray[Any]
Rng = np.random.Generator

SIDE = 128  # of the crop that the network sees
MIRRORED = mirrored_order()
OUTER = slice(0, 20)
SKIN = [VERTICES.index(v) for v in (50, 280, 2)]  # cheeks and below the nose
LIP_HALVES = (  # outer and inner edge from corner to corner, lower and upper lip
    (list(range(11)), list(range(20, 31))),
    ([0, *range(19, 9, -1)], [20, *range(39, 29, -1)]),
)
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float32)
FIVE = tuple(VERTICES.index(v) for v in (33, 133, 362, 263, 1, 61, 291))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One training example.

    Attributes:
        image_bgr: uint8 (128, 128, 3).
        points: float32 (78, 3), pixels of the view, z in the same unit.
        pose: float32 (3,), yaw, pitch, roll in degrees, roll against the view's own axes.
        visible: share of the mouth that nothing covers, 0..1; 0 where there is no face to be found.
        face: whether the points mean anything.
    """

    image_bgr: Array
    points: Array
    pose: Array
    visible: float
    face: bool


def crop_matrix(rng: Rng, points: Array) -> Array:
    """Return stored pixels → view pixels, float64 (2, 3), from five points as a detector would misplace them."""
    xy = points[:, :2].astype(np.float64)
    a, b, c, d, nose, left, right = (xy[i] for i in FIVE)
    five = np.stack([(a + b) / 2, (c + d) / 2, nose, left, right])
    eyes = float(np.linalg.norm(five[1] - five[0])) + 1e-6
    wild = 2.5 if rng.random() < 0.15 else 1.0
    five += rng.normal(0, 0.035 * eyes * wild, five.shape)
    matrix = similarity(five, TEMPLATE * SIDE - 0.5)
    angle, scale = np.radians(rng.normal(0, 3.0 * wild)), np.exp(rng.normal(0, 0.05 * wild))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.full(2, SIDE / 2 - 0.5)
    shift = centre - turn @ centre + rng.normal(0, 0.015 * SIDE * wild, 2)
    return np.hstack([turn @ matrix[:, :2], (turn @ matrix[:, 2] + shift)[:, None]])


def warp_field(rng: Rng, mouth: Array, radius: float) -> Array:
    """Return a displacement, float32 (128, 128, 2): view pixel → where to look; another face and mouth shape."""
    coarse = rng.normal(0, 1.3, (5, 5, 2)).astype(np.float32)
    field = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    dx, dy = COLUMNS - np.float32(mouth[0]), ROWS - np.float32(mouth[1])
    near = np.exp(-0.5 * ((dx**2 + dy**2) / np.float32(radius) ** 2) ** 2)
    wider, taller = np.exp(rng.normal(0, 0.14)), np.exp(rng.normal(0, 0.2))
    field[..., 0] += near * dx * np.float32(1 / wider - 1)
    field[..., 1] += near * dy * np.float32(1 / taller - 1)
    return field


def moved_by(field: Array, xy: Array) -> Array:
    """Return where points float32 (n, 2) come to lie when a view is read through the displacement."""
    goal: Array = xy.astype(np.float32)
    at: Array = goal.copy()
    for _ in range(8):
        seen = cv2.remap(
            field, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        at = np.asarray(goal - seen[0])
    return at


def geometry(
    rng: Rng, stored: Array, points: Array, pose: Array, gaping: float
) -> tuple[Array, Array, Array]:
    """Cut a jittered, perhaps mirrored, warped or gaping view; returns image, points (78, 3) and pose (3,)."""
    points, pose = points.copy(), pose.copy()
    if rng.random() < 0.5:
        stored = stored[:, ::-1]
        points[:, 0] = stored.shape[1] - 1 - points[:, 0]
        points = points[MIRRORED]
        pose[[0, 2]] *= -1
    matrix = crop_matrix(rng, points)
    points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    points[:, 2] *= np.hypot(matrix[0, 0], matrix[1, 0])
    pose[2] += np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    way = rng.random()
    gape = draw_gape(rng, points) if way < gaping else None
    if gape is not None:
        field, gap = field_of(gape, COLUMNS, ROWS)
        image = look_through(rng, stored, matrix, field)
        shut = float((gape.lower - gape.upper).max()) < 3
        if (gape.change > 0).any() and (shut or rng.random() < 0.5):
            image = paint_inside(rng, gape, image, gap, COLUMNS, ROWS)
        return image, move_points(gape, points).astype(np.float32), pose
    field = np.zeros((SIDE, SIDE, 2), np.float32)
    if way > 0.5:
        ring = points[OUTER, :2]
        field = warp_field(rng, ring.mean(0), float(np.ptp(ring[:, 0])) * rng.uniform(0.7, 1.1))
        points[:, :2] = moved_by(field, points[:, :2])
    return look_through(rng, stored, matrix, field), points.astype(np.float32), pose


def look_through(rng: Rng, stored: Array, matrix: Array, field: Array) -> Array:
    """Read a view uint8 (128, 128, 3) from the stored crop, through a displacement in view pixels."""
    x, y = COLUMNS + field[..., 0], ROWS + field[..., 1]
    back = cv2.invertAffineTransform(matrix).astype(np.float32)
    look_x = back[0, 0] * x + back[0, 1] * y + back[0, 2]
    look_y = back[1, 0] * x + back[1, 1] * y + back[1, 2]
    border = cv2.BORDER_REPLICATE if rng.random() < 0.7 else cv2.BORDER_CONSTANT
    return cv2.remap(np.ascontiguousarray(stored), look_x, look_y, cv2.INTER_LINEAR, borderMode=border)


def recolour_lips(rng: Rng, image_bgr: Array, points: Array) -> Array:
    """Tint the lips, upper and lower each by itself: towards the skin's colour, darker, paler, redder."""
    x, y = np.clip(np.round(points[SKIN, :2]), 0, SIDE - 1).astype(int).T
    skin = image_bgr[y, x].mean(0)
    out = image_bgr.astype(np.float32)
    for outer, inner in LIP_HALVES:
        ring = np.concatenate([points[outer, :2], points[inner[::-1], :2]])
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(mask, [np.round(ring * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
        alpha = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 1.0))[..., None].astype(np.float32) / 255
        gain = np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.06, 3))
        tinted = out * gain + (skin - out * gain) * max(rng.uniform(-0.5, 0.7), 0)
        out += alpha * (tinted.astype(np.float32) - out)
    return np.clip(out, 0, 255).astype(np.uint8)


def degrade(rng: Rng, image_bgr: Array) -> Array:
    """Change light and camera; one in three loses resolution, to mouths of 12 to 30 pixels."""
    if rng.random() < 0.8:
        image_bgr = relight(rng, image_bgr, 0.8)
    if rng.random() < 0.15:
        image_bgr = side_light(rng, image_bgr)
    if rng.random() < 0.35:
        scale = rng.uniform(0.3, 0.9)
        small = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if rng.random() < 0.4:
            small = jpeg(small, int(rng.integers(25, 85)))
        way = cv2.INTER_CUBIC if rng.random() < 0.3 else cv2.INTER_LINEAR
        image_bgr = cv2.resize(small, (SIDE, SIDE), interpolation=way)
    return camera(rng, image_bgr, 0.8) if rng.random() < 0.7 else image_bgr


def cover(rng: Rng, image_bgr: Array, points: Array) -> float:
    """Draw something over the face, in place; returns the share of the mouth left to be seen."""
    eyes = float(np.linalg.norm(points[FIVE[3], :2] - points[FIVE[0], :2]))
    centre = points[rng.integers(len(points)), :2] + rng.normal(0, 0.1 * eyes, 2)
    alpha = occlude(rng, image_bgr, centre, eyes * rng.uniform(0.1, 0.6))
    mouth = np.zeros(alpha.shape, np.uint8)
    cv2.fillConvexPoly(mouth, cv2.convexHull(np.round(points[:LIPS, :2]).astype(np.int32)), 1)
    inside = mouth > 0
    return float(1 - alpha[inside].mean()) if inside.any() else 1.0


def no_face(rng: Rng, stored: Array) -> Array:
    """Return a piece of a stored crop in which no whole face can be seen, uint8 (128, 128, 3)."""
    if rng.random() < 0.5:  # something near
        side = int(rng.integers(24, 72))
        y, x = rng.integers(0, stored.shape[0] - side, 2)
        piece = stored[y : y + side, x : x + side]
        return np.ascontiguousarray(cv2.resize(piece, (SIDE, SIDE))[:: int(rng.choice([-1, 1]))])
    half = stored.shape[0] // 2  # a quarter of the crop, upside down
    y, x = rng.integers(0, 2, 2) * half
    return np.ascontiguousarray(cv2.resize(stored[y : y + half, x : x + half], (SIDE, SIDE))[::-1])


def make_view(rng: Rng, stored: Array, points: Array, pose: Array, gaping: float) -> View:
    """Draw one example from a stored face; a share `gaping` of the mouths is opened or shut."""
    if rng.random() < 0.03:
        image = degrade(rng, no_face(rng, stored))
        return View(image, np.zeros((len(VERTICES), 3), np.float32), np.zeros(3, np.float32), 0.0, False)
    image, moved, turned = geometry(rng, stored, points, pose, gaping)
    image = np.ascontiguousarray(image)
    if rng.random() < 0.3:
        image = recolour_lips(rng, image, moved)
    visible = cover(rng, image, moved) if rng.random() < 0.25 else 1.0
    return View(degrade(rng, image), moved, turned, visible, True)
