"""Geometry and light of the mouth renderer's pictures: the jittered view, the mouth's window, warps, recolouring.

Three grids show one aligned crop: the *stored* one of `labels` (its middle 0.8 is the crop), the crop as the network
sees it (128 px), and the *fine* crop (256 px), from which the pictures of the mouth's window are carried.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.labels import CROP_SIDE
from training.lips import coefficients as shape
from training.lips.networks import WINDOW

Array = npt.NDArray[Any]

SIDE = 128
FINE = 2  # fine pixels a crop pixel
MOVING = list(shape.MOVING)
STILL = [i for i in (10, 67, 297, 103, 332, 9, 8, 168, 6, 197, 195, 5, 33, 133, 362, 263, 70, 300, 105, 334, 159, 386,
                     145, 374, 226, 446, 127, 356, 162, 389, 4, 48, 278, 234, 454)]  # fmt: skip
LEFT, TOP = round(WINDOW[0] * SIDE * FINE), round(WINDOW[1] * SIDE * FINE)
WIDTH = round((WINDOW[2] - WINDOW[0]) * SIDE * FINE)


def view(rng: np.random.Generator) -> Array:
    """Return a jittered matrix (2, 3), stored crop → 128 px."""
    angle = np.radians(rng.uniform(-7, 7))
    scale = rng.uniform(0.92, 1.08)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    centre = np.full(2, SIDE / 2 - 0.5) + rng.uniform(-0.04, 0.04, 2) * SIDE
    return np.hstack([linear, (centre - linear @ np.full(2, CROP_SIDE / 2 - 0.5))[:, None]])


def after(outer: Array, inner: Array) -> Array:
    """Return the matrix (2, 3) that does `inner`, then `outer`."""
    whole = np.vstack([outer, [0, 0, 1]]) @ np.vstack([inner, [0, 0, 1]])
    return np.asarray(whole[:2])


def cut(crop: Array, matrix: Array) -> Array:
    """Return the fine view, uint8 (256, 256, 3), of a crop stored once or twice as fine; `matrix` as of `view`."""
    finer = crop.shape[0] / CROP_SIDE
    stored = np.array([[1 / finer, 0, 0.5 / finer - 0.5], [0, 1 / finer, 0.5 / finer - 0.5]])
    fine = np.array([[FINE, 0, FINE / 2 - 0.5], [0, FINE, FINE / 2 - 0.5]])
    size, border = (SIDE * FINE, SIDE * FINE), cv2.BORDER_REPLICATE
    whole = after(fine, after(matrix, stored))
    return cv2.warpAffine(np.asarray(crop), whole, size, flags=cv2.INTER_LINEAR, borderMode=border)


def window(picture: Array) -> Array:
    """Return the mouth's window (128, 128, …) of a fine picture."""
    return picture[TOP : TOP + WIDTH, LEFT : LEFT + WIDTH]


def mouth_mask(points: Array) -> Array:
    """Return the inside of the mouth in the window, float32 (128, 128), of a mesh (468, 2) in crop pixels."""
    mask: Array = np.zeros((WIDTH, WIDTH), np.uint8)
    corner = np.array([LEFT, TOP]) - (FINE / 2 - 0.5)
    polygon = np.round((points[list(shape.INNER)] * FINE - corner) * 16).astype(np.int32)
    cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA, 4)
    apart = points[list(shape.LOWER_INNER)] - points[list(shape.UPPER_INNER)]
    if apart[:, 1].mean() > 2:  # the seam of the lips lies on the rim: cover it, or it is stretched
        mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    return cv2.GaussianBlur(mask, (0, 0), 1.0).astype(np.float32) / 255


def recolour(pictures: list[Array], rng: np.random.Generator) -> list[Array]:
    """Change light, colour and sharpness of pictures alike."""
    gain = rng.uniform(0.6, 1.35) * rng.uniform(0.88, 1.12, 3)
    gamma = rng.uniform(0.7, 1.4)
    table = (255 * np.clip(np.linspace(0, 1, 256)[:, None] ** gamma * gain, 0, 1)).astype(np.uint8)
    grey, shrink = rng.random() < 0.12, rng.uniform(0.3, 0.9) if rng.random() < 0.3 else 1.0
    out = []
    for picture in pictures:
        image = cv2.LUT(picture, table.reshape(1, 256, 3))
        if grey:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        if shrink < 1:
            size = image.shape[1::-1]
            small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        out.append(image)
    return out


def moved(points: Array, displacement: Array, yaw: float) -> Array:
    """Move a mesh (468, 2) by displacements (k, 2) of `MOVING`, in eye distances of a face seen from the front.

    A turned face is narrower but not lower: across, displacements shrink by cos(yaw), and so does the eye distance that
    is their measure. A mouth cannot shut further than shut.
    """
    eyes = points[shape.EYES[1]] - points[shape.EYES[0]]
    front = np.cos(np.radians(yaw))
    turn = np.array([[eyes[0], -eyes[1] / front], [eyes[1], eyes[0] / front]], np.float64)
    out = points.copy()
    out[MOVING] += displacement @ turn.T
    upper, lower = out[list(shape.UPPER_INNER)], out[list(shape.LOWER_INNER)]
    over = np.minimum((lower - upper)[:, 1], 0)[:, None] * [0, 0.5]
    out[list(shape.UPPER_INNER)] += over
    out[list(shape.LOWER_INNER)] -= over
    return out


def carried(picture: Array, at: Array, come_from: Array) -> Array:
    """Warp a fine picture so that the mesh `come_from` (468, 2), crop pixels, comes to lie `at`."""
    x, y = carry(at, come_from)
    full_x, full_y = (
        cv2.resize(axis, (SIDE * FINE, SIDE * FINE), interpolation=cv2.INTER_LINEAR) * FINE + (FINE / 2 - 0.5)
        for axis in (x, y)
    )
    return cv2.remap(picture, full_x, full_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def carry(at: Array, come_from: Array) -> tuple[Array, Array]:
    """Return a dense map, float32 (128, 128) x and y: at points `at` the picture of `come_from` is shown.

    Displacements of the mesh's moving and still points are spread by three Gaussians, narrow to wide.
    """
    points = MOVING + STILL
    where, by = at[points].astype(np.float32), (come_from - at)[points].astype(np.float32)
    step = 2
    axis = np.arange(0, SIDE, step, dtype=np.float32) + (step - 1) / 2
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    square = ((grid**2).sum(1)[:, None] + (where**2).sum(1)) - 2 * grid @ where.T
    weight = sum(
        share * np.exp(-square / (2 * wide**2)) for share, wide in ((1, 1.7), (0.02, 6.0), (1e-5, 20.0))
    )
    field = (weight @ by) / (weight.sum(1, keepdims=True) + 1e-7)
    side = SIDE // step
    full = cv2.resize(field.reshape(side, side, 2), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    return x + full[..., 0], y + full[..., 1]
