"""Pairs for the enhancer: sharp face crops, and what a mouth generator and a codec leave of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import aligned_crop
from training.data.light import jpeg
from training.data.sources import balanced, five_points, is_held_out, load_frames, read_labels

Array = npt.NDArray[Any]
Rng = np.random.Generator

CROP = 256  # aligned crops cut at this side
LARGEST_ZOOM = 1.2  # a face that would be enlarged more than this is not sharp


def cut_stills(corpus: Path, labels: Path) -> tuple[Array, Array]:
    """Cut the aligned crop of every still that is large enough.

    Returns:
        uint8 (n, 256, 256, 3) BGR, and bool (n,): kept for measuring.
    """
    rows = read_labels(labels, "faces")
    crops, held = [], []
    for row, path, points in zip(rows.rows, rows.paths, rows.points, strict=True):
        crop = aligned_crop(five_points(points), CROP)
        image = cv2.imread(str(corpus / path), cv2.IMREAD_COLOR)
        if image is None or crop.scale < 1 / LARGEST_ZOOM:
            continue
        crops.append(crop.cut(np.asarray(image, np.uint8)))
        held.append(bool(is_held_out(row)))
    return np.stack(crops), np.array(held)


def cut_frames(corpus: Path, labels: Path, per_person: int = 60) -> Array:
    """Cut the aligned crop of some corpus frames that are large enough, uint8 (n, 256, 256, 3)."""
    rows = read_labels(labels, "train")
    chosen = balanced(rows, per_person)
    large = [p for p in chosen if aligned_crop(five_points(rows.points[p]), CROP).scale >= 1 / LARGEST_ZOOM]
    faces = load_frames(corpus, rows, np.array(large, np.int64), longest=2000)
    crops = [aligned_crop(five_points(f.points), CROP).cut(f.image_bgr) for f in faces]
    return np.stack(crops) if crops else np.zeros((0, CROP, CROP, 3), np.uint8)


def degrade(rng: Rng, sharp_bgr: Array) -> Array:
    """Halve an image uint8 (2h, 2w, 3) and spoil it as generators and codecs do; gives (h, w, 3)."""
    out = sharp_bgr
    height, width = out.shape[0] // 2, out.shape[1] // 2
    if rng.random() < 0.8:
        sigma = rng.uniform(0.3, 2.6)
        out = cv2.GaussianBlur(out, (0, 0), sigma, sigmaY=sigma * rng.uniform(0.8, 1.25))
    if rng.random() < 0.3:  # a generator that works at a lower resolution still
        scale = rng.uniform(0.3, 0.5)
        out = cv2.resize(out, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    kernel = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(3))]
    out = cv2.resize(out, (width, height), interpolation=kernel)
    if rng.random() < 0.5:
        out = np.clip(out + rng.normal(0, rng.uniform(0.5, 4), out.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        out = jpeg(out, int(rng.integers(55, 96)))
    return np.asarray(out)


def patch(rng: Rng, crop_bgr: Array, side: int) -> Array:
    """Cut a random square out of an aligned crop, more often round the mouth; sometimes mirrored."""
    free = CROP - side
    if rng.random() < 0.6:
        corner = np.clip(np.array([0.5, 0.63]) * CROP - side / 2 + rng.normal(0, 0.1, 2) * CROP, 0, free)
    else:
        corner = rng.uniform(0, free, 2)
    x, y = (int(v) for v in corner)
    out = crop_bgr[y : y + side, x : x + side]
    return out[:, ::-1] if rng.random() < 0.5 else out
