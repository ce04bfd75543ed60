"""Camera and light: gamma, casts, darkness, blur, noise and JPEG, drawn at random."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rng = np.random.Generator


def relight(rng: Rng, image_bgr: Array, strength: float = 1.0) -> Array:
    """Change gamma, brightness, contrast, colour cast and saturation; uint8 (H, W, 3) to the same."""
    ramp = np.arange(256, dtype=np.float32)[:, None] / 255
    gamma = np.exp(rng.normal(0, 0.3 * strength))
    gain = np.exp(rng.normal(0, 0.22 * strength)) * np.exp(rng.normal(0, 0.07 * strength, 3))
    if rng.random() < 0.12 * strength:
        gain = gain * rng.uniform(0.2, 0.7)
    table = np.clip((ramp**gamma * gain + rng.normal(0, 0.04 * strength)) * 255, 0, 255).astype(np.uint8)
    out = np.stack([cv2.LUT(image_bgr[..., c], table[:, c]) for c in range(3)], -1)
    grey = rng.random()
    if grey < 0.12:
        out = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    elif grey < 0.35:
        flat = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        mix = rng.uniform(0.3, 1.4)
        out = cv2.addWeighted(out, mix, flat, 1 - mix, 0)
    return np.asarray(out)


def side_light(rng: Rng, image_bgr: Array) -> Array:
    """Lay a soft brightness slope over the image."""
    height, width = image_bgr.shape[:2]
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.7)
    x = np.linspace(-1, 1, width, dtype=np.float32) * np.cos(angle)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.sin(angle)
    slope = 1 + depth * np.clip(x + y, -1, 1)
    return np.clip(image_bgr * slope[..., None], 0, 255).astype(np.uint8)


def camera(rng: Rng, image_bgr: Array, strength: float = 1.0) -> Array:
    """Blur, lose resolution, add noise and JPEG blocks, each sometimes."""
    out = image_bgr
    draw = rng.random(5)
    if draw[0] < 0.25:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 1.6) * strength)
    if draw[1] < 0.1:
        out = _motion(rng, out, int(rng.integers(3, 8)))
    if draw[2] < 0.15:
        scale = rng.uniform(0.4, 0.9)
        size = out.shape[1::-1]
        out = cv2.resize(cv2.resize(out, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), size)
    if draw[3] < 0.35:
        noise = rng.normal(
            0, rng.uniform(1, 12) * strength, out.shape[:2] + (1 if rng.random() < 0.5 else 3,)
        )
        out = np.clip(out + noise, 0, 255).astype(np.uint8)
    if draw[4] < 0.3:
        out = jpeg(out, int(rng.integers(25, 90)))
    return np.asarray(out)


def jpeg(image_bgr: Array, quality: int) -> Array:
    """Encode and decode as JPEG."""
    _, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))


def _motion(rng: Rng, image_bgr: Array, length: int) -> Array:
    kernel: Array = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D(((length - 1) / 2,) * 2, rng.uniform(0, 180), 1.0)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return cv2.filter2D(image_bgr, -1, np.asarray(kernel / max(float(kernel.sum()), 1e-3), np.float32))
