"""Backgrounds without a face for the detector's training frames: textures, noise, scrambled pictures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.occluders import occlude, random_colour, texture
from training.data.sources import Face, mesh_box

Array = npt.NDArray[Any]
Rng = np.random.Generator


def background(rng: Rng, faces: list[Face], side: int) -> Array:
    """Make a background without a face, uint8 (side, side, 3)."""
    kind = rng.random()
    if kind < 0.12:
        return texture(rng, side, rng.uniform(0, 255, 3).astype(np.float32))
    if kind < 0.2:
        noise = rng.uniform(0, 255, (int(rng.integers(2, side)),) * 2 + (3,)).astype(np.uint8)
        return np.asarray(cv2.resize(noise, (side, side), interpolation=int(rng.integers(0, 3))))
    face = faces[int(rng.integers(len(faces)))]
    if kind < 0.4:
        return _tiles(rng, face.image_bgr, side)
    canvas = _faceless(rng, face, side)
    if kind > 0.8:
        for _ in range(int(rng.integers(1, 6))):
            occlude(rng, canvas, rng.uniform(0, side, 2), side * rng.uniform(0.03, 0.3))
    return canvas


def _tiles(rng: Rng, image: Array, side: int) -> Array:
    """Small turned pieces of a picture in random order: eyes and mouths, but no face."""
    tile = int(rng.integers(12, 40))
    count = side // tile + 1
    canvas = np.empty((count * tile, count * tile, 3), np.uint8)
    for row in range(count):
        for column in range(count):
            y, x = (int(rng.integers(0, n - tile)) for n in image.shape[:2])
            piece = np.rot90(image[y : y + tile, x : x + tile], int(rng.integers(4)))
            canvas[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile] = piece
    return np.ascontiguousarray(canvas[:side, :side])


def _faceless(rng: Rng, face: Face, side: int) -> Array:
    """A stretched strip of the picture beside the face; plain texture where there is none."""
    height, width = face.image_bgr.shape[:2]
    x1, y1, x2, y2 = mesh_box(face.points)
    beside = [(0, 0, x1, height), (x2, 0, width, height), (0, 0, width, y1 * 0.8), (0, y2, width, height)]
    strips = [s for s in beside if min(s[2] - s[0], s[3] - s[1]) > 24]
    if strips:
        left, top, right, bottom = (int(v) for v in strips[int(rng.integers(len(strips)))])
        scale = rng.uniform(0.4, 1.0)
        w, h = int((right - left) * scale), int((bottom - top) * scale)
        left, top = int(rng.integers(left, right - w + 1)), int(rng.integers(top, bottom - h + 1))
        piece = face.image_bgr[top : top + max(h, 8), left : left + max(w, 8)]
        piece = np.rot90(piece, int(rng.integers(4)))
        return np.asarray(cv2.resize(np.ascontiguousarray(piece), (side, side), interpolation=cv2.INTER_AREA))
    return texture(rng, side, random_colour(rng, face.image_bgr))


def distract(rng: Rng, faces: list[Face], canvas: Array) -> None:
    """Paste pieces of pictures that are no face (ears, hair, an eye alone) and drawn hands, in place.

    They are cut out as the faces are, so that a pasted edge tells nothing.
    """
    side = canvas.shape[0]
    for _ in range(int(rng.integers(1, 7))):
        size = float(np.exp(rng.uniform(np.log(10), np.log(90))))
        centre = rng.uniform(0, side, 2)
        if rng.random() < 0.4:
            _hand(rng, faces, canvas, centre, size)
        else:
            _piece(rng, faces[int(rng.integers(len(faces)))], canvas, centre, size)


def _hand(rng: Rng, faces: list[Face], canvas: Array, centre: Array, size: float) -> None:
    """Draw a palm and fingers filled with the cheek of some face."""
    face = faces[int(rng.integers(len(faces)))]
    cheek = face.points[[50, 205, 280, 425][int(rng.integers(4))]].astype(int)
    reach = max(4, int(0.08 * np.ptp(face.points[:, 1])))
    x, y = np.clip(cheek, reach, np.array(face.image_bgr.shape[1::-1]) - reach - 1)
    skin = cv2.resize(
        face.image_bgr[y - reach : y + reach, x - reach : x + reach], (side := canvas.shape[0], side)
    )
    mask = np.zeros((side, side), np.uint8)
    palm = (max(2, int(size * rng.uniform(0.25, 0.45))), max(2, int(size * rng.uniform(0.2, 0.4))))
    cv2.ellipse(
        mask, (int(centre[0]), int(centre[1])), palm, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA
    )
    lines = np.zeros_like(mask)
    toward = rng.uniform(0, 2 * np.pi)
    for finger in range(int(rng.integers(0, 6))):
        angle = toward + (finger - 2) * rng.uniform(0.1, 0.35)
        end = centre + np.array([np.cos(angle), np.sin(angle)]) * size * rng.uniform(0.5, 0.9)
        for image, value, wide in ((mask, 255, 0.16), (lines, 120, 0.03)):
            thick = max(1, int(size * wide))
            cv2.line(
                image, (int(centre[0]), int(centre[1])), (int(end[0]), int(end[1])), value, thick, cv2.LINE_AA
            )
    shade = cv2.resize(
        rng.uniform(0.6, 1.3, (6, 6)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
    )
    painted = skin * (shade * (1 - lines.astype(np.float32) / 255))[..., None]
    alpha = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.5)).astype(np.float32)[..., None] / 255
    canvas[:] = np.clip(canvas + (painted - canvas) * alpha, 0, 255).astype(np.uint8)


def _piece(rng: Rng, face: Face, canvas: Array, centre: Array, size: float) -> None:
    """Paste an ellipse or a box cut from beside the face, or a part of it too small to be one."""
    height, width = face.image_bgr.shape[:2]
    x1, y1, x2, y2 = mesh_box(face.points)
    tall = y2 - y1
    if rng.random() < 0.6:  # the rim: ears, hair, neck, collar
        angle = rng.uniform(0, 2 * np.pi)
        source = (
            np.array([x1 + x2, y1 + y2]) / 2 + np.array([np.cos(angle) * 0.62, np.sin(angle) * 0.85]) * tall
        )
        reach = tall * rng.uniform(0.1, 0.25)
    else:
        source = (
            rng.uniform((x1, y1), (x2, y2)) if rng.random() < 0.5 else rng.uniform((0, 0), (width, height))
        )
        reach = tall * rng.uniform(0.08, 0.2)
    source = np.clip(source, 0, (width - 1, height - 1))
    turn = cv2.getRotationMatrix2D(
        (float(source[0]), float(source[1])), rng.uniform(-180, 180), size / (2 * reach)
    )
    turn[:, 2] += centre - source
    patch = cv2.warpAffine(face.image_bgr, turn, canvas.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    mask = _cutout(rng, canvas.shape[:2], centre, size)
    alpha = (
        cv2.GaussianBlur(mask, (0, 0), max(0.4, size * rng.uniform(0.01, 0.06))).astype(np.float32)[..., None]
        / 255
    )
    canvas[:] = (canvas + (patch.astype(np.float32) - canvas) * alpha + 0.5).astype(np.uint8)


def _cutout(rng: Rng, shape: tuple[int, ...], centre: Array, size: float) -> Array:
    """Return an ellipse or a box, uint8 (H, W), 255 inside."""
    mask: Array = np.zeros(shape, np.uint8)
    middle, half = (int(centre[0]), int(centre[1])), max(3, int(size / 2))
    if rng.random() < 0.6:
        axes = (half, max(2, int(half * rng.uniform(0.6, 1))))
        cv2.ellipse(mask, middle, axes, rng.uniform(0, 180), 0, 360, 255, -1)
    else:
        low, high = (middle[0] - half, middle[1] - half), (middle[0] + half, middle[1] + half)
        cv2.rectangle(mask, low, high, 255, -1)
    return mask
