"""FID: how far the distribution of made faces is from that of real ones, in the space of a user's own network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import ModelError
from lipsync_edge.models.backend import Backend, open_backend
from lipsync_edge.types import F32, U8

SIDE = 299
F64 = npt.NDArray[np.float64]


def open_inception(path: Path) -> Backend:
    """Open the user's Inception-v3 (ONNX): one input float32 (B, 3, 299, 299) RGB -1…1, first output (B, features)."""
    backend = open_backend(path, "auto")
    if len(backend.inputs) != 1:
        raise ModelError(expected=f"one input in {path.name}", got=", ".join(backend.inputs))
    return backend


def features(backend: Backend, faces_bgr: Sequence[U8]) -> F64:
    """Return the features of faces, uint8 (H, W, 3) each, as float64 (n, features)."""
    rows = []
    for face in faces_bgr:
        sized = np.asarray(cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
        batch: F32 = (
            np.ascontiguousarray(sized[None, :, :, ::-1].transpose(0, 3, 1, 2)) / np.float32(127.5) - 1
        )
        rows.append(backend.run({backend.inputs[0]: batch})[backend.outputs[0]].reshape(1, -1))
    return np.concatenate(rows).astype(np.float64)


def frechet(one: F64, other: F64) -> float:
    """Return the Fréchet distance of two sets of features, (n, d) and (m, d), taken as normal distributions.

    Heusel et al., "GANs trained by a two time-scale update rule…", NeurIPS 2017:
    |m1 - m2|² + trace(C1 + C2 - 2·(C1·C2)^½). With fewer pictures than features the estimate is biased upwards:
    compare only figures of equally many frames.
    """
    if min(len(one), len(other)) < 2:
        raise ValueError("at least two pictures on either side expected")
    mean = one.mean(0) - other.mean(0)
    a, b = np.atleast_2d(np.cov(one, rowvar=False)), np.atleast_2d(np.cov(other, rowvar=False))
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ b @ root), 0, None)).sum()
    return float(mean @ mean + np.trace(a) + np.trace(b) - 2 * cross)
