"""Things in front of a face, drawn at random: hands, microphones, bars, hair, text; and their masks."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rng = np.random.Generator


def random_colour(rng: Rng, image_bgr: Array) -> Array:
    """Return a colour, float32 (3,) BGR 0..255: often one of the image's own (as a hand's)."""
    if rng.random() < 0.5:
        y, x = rng.integers(0, image_bgr.shape[0]), rng.integers(0, image_bgr.shape[1])
        return np.clip(image_bgr[y, x].astype(np.float32) * rng.uniform(0.6, 1.3), 0, 255)
    if rng.random() < 0.5:
        return np.full(3, rng.uniform(0, 255), np.float32)
    return rng.uniform(0, 255, 3).astype(np.float32)


def texture(rng: Rng, side: int, color: Array) -> Array:
    """Return a patch uint8 (side, side, 3): the colour with a shading and a grain of random size."""
    coarse = rng.normal(0, 1, (rng.integers(2, 6), rng.integers(2, 6))).astype(np.float32)
    grain = rng.normal(0, 1, (side // int(rng.integers(2, 8)) + 1,) * 2).astype(np.float32)
    shade = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC) * rng.uniform(0, 30)
    shade = shade + cv2.resize(grain, (side, side)) * rng.uniform(0, 14)
    return np.clip(color + shade[..., None], 0, 255).astype(np.uint8)


def _blob(rng: Rng, mask: Array, centre: Array, size: float) -> None:
    """A fist with fingers: an ellipse and some thick rounded strokes leaving it the same way."""
    c = tuple(int(v) for v in centre)
    axes = (max(2, int(size * rng.uniform(0.4, 0.9))), max(2, int(size * rng.uniform(0.3, 0.7))))
    cv2.ellipse(mask, c, axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    angle, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.35)
    for finger in range(int(rng.integers(0, 5))):
        a = angle + spread * (finger - 1.5)
        end = centre + np.array([np.cos(a), np.sin(a)]) * size * rng.uniform(0.8, 1.5)
        cv2.line(
            mask, c, tuple(int(v) for v in end), 255, max(2, int(size * rng.uniform(0.15, 0.3))), cv2.LINE_AA
        )


def _microphone(rng: Rng, mask: Array, centre: Array, size: float) -> None:
    c = tuple(int(v) for v in centre)
    cv2.circle(mask, c, max(2, int(size * rng.uniform(0.25, 0.55))), 255, -1, cv2.LINE_AA)
    angle = rng.uniform(0.1, np.pi - 0.1)
    end = centre + np.array([np.cos(angle), np.sin(angle)]) * mask.shape[0] * 2
    cv2.line(
        mask, c, tuple(int(v) for v in end), 255, max(2, int(size * rng.uniform(0.15, 0.35))), cv2.LINE_AA
    )


def _bar(rng: Rng, mask: Array, centre: Array, size: float) -> None:
    angle = rng.uniform(0, np.pi)
    step = np.array([np.cos(angle), np.sin(angle)]) * mask.shape[0] * 2
    a, b = (tuple(int(v) for v in centre + sign * step) for sign in (-1, 1))
    cv2.line(mask, a, b, 255, max(2, int(size * rng.uniform(0.1, 0.5))), cv2.LINE_AA)


def _strands(rng: Rng, mask: Array, centre: Array, size: float) -> None:
    start = centre + rng.normal(0, 0.5, 2) * size
    t = np.linspace(0, 1, 12)[:, None]
    bend, end = start + rng.normal(0, 1, 2) * size, start + rng.normal(0, 2, 2) * size
    for _ in range(int(rng.integers(2, 14))):
        p0, p1, p2 = (p + rng.normal(0, 0.15, 2) * size for p in (start, bend, end))
        curve = (1 - t) ** 2 * p0 + 2 * t * (1 - t) * p1 + t**2 * p2
        cv2.polylines(
            mask, [np.round(curve).astype(np.int32)], False, 255, int(rng.integers(1, 4)), cv2.LINE_AA
        )


def _text(rng: Rng, mask: Array, centre: Array, size: float) -> None:
    letters = "".join(chr(rng.integers(65, 91)) for _ in range(int(rng.integers(2, 9))))
    origin = (int(centre[0] - size * 1.5), int(centre[1]))
    cv2.putText(
        mask,
        letters,
        origin,
        int(rng.integers(0, 5)),
        float(size) / 32,
        255,
        int(rng.integers(1, 4)),
        cv2.LINE_AA,
    )


SHAPES = (_blob, _blob, _microphone, _bar, _strands, _strands, _text)


def occlude(rng: Rng, image_bgr: Array, centre: Array, size: float) -> Array:
    """Draw one random thing over the image, in place.

    Args:
        rng: source of randomness.
        image_bgr: uint8 (H, W, 3), changed in place.
        centre: about where, (x, y) pixels.
        size: about how large, pixels.

    Returns:
        The covered part, float32 (H, W), 0..1.
    """
    height, width = image_bgr.shape[:2]
    mask: Array = np.zeros((height, width), np.uint8)
    SHAPES[int(rng.integers(len(SHAPES)))](rng, mask, np.asarray(centre, float), max(4.0, size))
    if rng.random() < 0.5:
        mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.2))
    alpha = mask.astype(np.float32) / 255
    side = max(height, width)
    patch = texture(rng, side, random_colour(rng, image_bgr))[:height, :width]
    image_bgr[:] = (image_bgr + (patch.astype(np.float32) - image_bgr) * alpha[..., None] + 0.5).astype(
        np.uint8
    )
    return alpha
