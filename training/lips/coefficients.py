"""The mouth coefficients: how a mouth differs from its owner's own closed mouth, in a few identity-neutral numbers.

Landmarks are turned upright and scaled by the eyes (rigid points only), the speaker's own neutral (closed) mouth is
taken away, and a PCA that is not centred (zero = closed) reduces what is left of lips, chin and jaw.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
BETWEEN = (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 408, 304, 303, 302, 11, 72, 73, 74, 184)
CHIN = (152, 148, 176, 149, 150, 377, 400, 378, 379, 199, 175, 200, 18, 83, 313, 201, 421, 208, 428, 32, 262)
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 8, 9)
MOVING = (*OUTER, *INNER, *BETWEEN, *CHIN)
UPPER_INNER = (80, 81, 82, 13, 312, 311, 310)
LOWER_INNER = (88, 178, 87, 14, 317, 402, 318)
EYES = (33, 263)
COEFFICIENTS = 8
CLOSED = 0.02  # of the eye distance: a smaller gap between the inner lips is a closed mouth


def similarity_batch(source: Array, target: Array) -> Array:
    """Return the least-squares similarity of each row: points (n, k, 2) onto (n, k, 2) or (k, 2) → (n, 2, 3)."""
    mean_a, mean_b = source.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    a, b = source - mean_a, target - mean_b
    norm = (a**2).sum((-1, -2))
    cos = (a * b).sum((-1, -2)) / norm
    sin = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(-1) / norm
    linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    shift = mean_b[..., 0, :] - (linear @ mean_a[..., 0, :, None])[..., 0]
    return np.concatenate([linear, shift[..., None]], -1)


def apply(matrix: Array, points: Array) -> Array:
    """Move points (…, k, 2) by matrices (…, 2, 3)."""
    return points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]


def gap(points: Array) -> Array:
    """Return the mean opening of the inner lips over the eye distance, (…,), of meshes (…, 468, 2)."""
    apart = np.linalg.norm(points[..., UPPER_INNER, :] - points[..., LOWER_INNER, :], axis=-1)
    eyes = np.linalg.norm(points[..., EYES[0], :] - points[..., EYES[1], :], axis=-1)
    return apart.mean(-1) / eyes


@dataclass(frozen=True, slots=True, eq=False)
class ShapeModel:
    """Linear model of mouth motion.

    Attributes:
        basis: float32 (8, k, 2), displacement of the moving points for one unit of each coefficient, in eye distances.
        from_gaps: float32 (8, 7), coefficients that explain seven gaps between the inner lips (a still has no neutral).
        face: float32 (468, 2), mean mesh with eye distance 1, the frame that displacements are given in.
    """

    basis: Array
    from_gaps: Array
    face: Array

    def displacement(self, coefficients: Array) -> Array:
        """Return displacements (…, k, 2) in eye distances, of coefficients (…, 8)."""
        return np.tensordot(coefficients, self.basis, 1)

    def coefficients_of_opening(self, points: Array) -> Array:
        """Return the coefficients (8,) that explain how far the mouth of one mesh (468, 2) is open."""
        apart = np.linalg.norm(points[list(UPPER_INNER)] - points[list(LOWER_INNER)], axis=-1)
        eyes = np.linalg.norm(points[EYES[0]] - points[EYES[1]])
        return np.asarray(self.from_gaps @ np.maximum(apart / eyes - CLOSED / 2, 0), np.float32)

    def save(self, path: Path) -> None:
        """Write the model as .npz."""
        np.savez(path, basis=self.basis, from_gaps=self.from_gaps, face=self.face)

    @classmethod
    def load(cls, path: Path) -> ShapeModel:
        """Read what `save` wrote."""
        with np.load(path) as data:
            return cls(data["basis"], data["from_gaps"], data["face"])


def upright(points: Array, face: Array) -> Array:
    """Return meshes (n, 468, 2) laid on the mean face by their rigid points, in eye distances."""
    rigid = list(RIGID)
    return apply(similarity_batch(points[:, rigid], face[rigid]), points)


def mean_face(points: Array) -> Array:
    """Return the mean mesh, float64 (468, 2), upright, eyes one apart and centred on 0."""
    face = points[0].astype(np.float64)
    for _ in range(3):
        eyes = face[EYES[1]] - face[EYES[0]]
        turn = np.array([[eyes[0], eyes[1]], [-eyes[1], eyes[0]]]) / (eyes @ eyes)
        face = (face - face[list(EYES)].mean(0)) @ turn.T
        face = upright(points, face).mean(0)
    return face


def neutral_mouths(shapes: Array, gaps: Array, clip: Array) -> Array:
    """Return each row's own neutral: the median mesh of its clip's frames with the least open mouth, (n, 468, 2)."""
    out = np.zeros_like(shapes)
    for one in np.unique(clip):
        rows = np.flatnonzero(clip == one)
        still = rows[gaps[rows] <= max(np.quantile(gaps[rows], 0.2), CLOSED / 2)]
        out[rows] = np.median(shapes[still], 0)
    return out


def fit_shape(points: Array, clip: Array, weight: Array) -> tuple[ShapeModel, Array]:
    """Fit the model and give every frame's coefficients.

    Args:
        points: float (n, 468, 2), meshes in frame pixels.
        clip: int (n,), clip of each frame.
        weight: float (n,), how much a frame counts.

    Returns:
        The model, and coefficients float32 (n, 8): unit spread over the weighted corpus, 0 = the speaker's closed
        mouth.
    """
    face = mean_face(points[:: max(1, len(points) // 2000)])
    shapes = upright(points, face)
    moved = (shapes - neutral_mouths(shapes, gap(points), clip))[:, list(MOVING)].reshape(len(points), -1)
    covariance = (moved * weight[:, None]).T @ moved / weight.sum()
    _, vectors = np.linalg.eigh(covariance)
    vectors = vectors[:, ::-1][:, :COEFFICIENTS].T
    raw = moved @ vectors.T
    spread = np.sqrt((raw**2 * weight[:, None]).sum(0) / weight.sum())
    coefficients = (raw / spread).astype(np.float32)
    basis = (vectors * spread[:, None]).reshape(COEFFICIENTS, len(MOVING), 2).astype(np.float32)
    from_gaps = explain_gaps(shapes, coefficients, weight)
    return ShapeModel(basis, from_gaps, face.astype(np.float32)), coefficients


def explain_gaps(shapes: Array, coefficients: Array, weight: Array) -> Array:
    """Return `ShapeModel.from_gaps`, float32 (8, 7), of upright meshes (n, 468, 2) and their coefficients (n, 8)."""
    apart = np.linalg.norm(shapes[:, UPPER_INNER] - shapes[:, LOWER_INNER], axis=-1)
    gaps = np.maximum(apart - CLOSED / 2, 0)
    left = gaps.T @ (gaps * weight[:, None]) + 1e-3 * np.eye(7) * weight.sum() * 1e-2
    return np.asarray(np.linalg.solve(left, gaps.T @ (coefficients * weight[:, None])).T, np.float32)


def codes_in(model: ShapeModel, points: Array, clip: Array, weight: Array) -> tuple[Array, ShapeModel]:
    """Give every frame's coefficients along the axes of a known model, each scaled to unit spread over these meshes.

    Args:
        model: whose axes are kept.
        points: float (n, 468, 2), meshes in frame pixels.
        clip: int (n,), clip of each frame.
        weight: float (n,), how much a frame counts.

    Returns:
        Coefficients float32 (n, 8), and the model in whose units the meshes move by them.
    """
    shapes = upright(points, model.face.astype(np.float64))
    moved = (shapes - neutral_mouths(shapes, gap(points), clip))[:, list(MOVING)].reshape(len(points), -1)
    axes = model.basis.reshape(COEFFICIENTS, -1).astype(np.float64)
    raw = moved @ axes.T / (axes**2).sum(1)
    units = np.sqrt((raw**2 * weight[:, None]).sum(0) / weight.sum())
    coefficients = (raw / units).astype(np.float32)
    basis = (model.basis * units[:, None, None]).astype(np.float32)
    return coefficients, ShapeModel(basis, explain_gaps(shapes, coefficients, weight), model.face)
