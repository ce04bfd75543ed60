"""Backgrounds without a face for the detector's training frames: textures, noise, scrambled pictures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from export.train.occluders import occlude, random_colour, texture
from export.train.sources import Face, mesh_box

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
    strips = [(0, 0, x1, height), (x2, 0, width, height), (0, 0, width, y1 * 0.8), (0, y2, width, height)]
    strips = [tuple(int(v) for v in s) for s in strips if min(s[2] - s[0], s[3] - s[1]) > 24]
    if strips:
        left, top, right, bottom = strips[int(rng.integers(len(strips)))]
        scale = rng.uniform(0.4, 1.0)
        w, h = int((right - left) * scale), int((bottom - top) * scale)
        left, top = int(rng.integers(left, right - w + 1)), int(rng.integers(top, bottom - h + 1))
        piece = face.image_bgr[top : top + max(h, 8), left : left + max(w, 8)]
        piece = np.rot90(piece, int(rng.integers(4)))
        return np.asarray(
            cv2.resize(np.ascontiguousarray(piece), (side, side), interpolation=cv2.INTER_AREA)
        )
    return texture(rng, side, random_colour(rng, face.image_bgr))
