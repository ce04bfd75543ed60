"""The 78 points of the landmark network: which mesh vertices they are, their mirror images and the head's pose."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.teachers.mouth_measures import INNER_LIP, OUTER_LIP

Array = npt.NDArray[Any]

NOSE = (168, 6, 197, 195, 4, 1, 2, 48, 98, 327, 278)
JAW = (234, 132, 172, 150, 176, 152, 400, 379, 397, 361, 454)
EYES = (33, 159, 133, 145, 468, 362, 386, 263, 374, 473)
BROWS = (70, 107, 336, 300)
CHEEKS = (50, 280)
VERTICES = (*OUTER_LIP, *INNER_LIP, *NOSE, *JAW, *EYES, *BROWS, *CHEEKS)
COUNT, LIPS = len(VERTICES), len(OUTER_LIP) + len(INNER_LIP)
# Pairs of vertices that a mirror exchanges; the others of VERTICES lie on the middle line.
MIRROR_PAIRS = (
    *((a, b) for ring in (OUTER_LIP, INNER_LIP) for a, b in zip(ring[:5], ring[10:5:-1], strict=True)),
    *((a, b) for ring in (OUTER_LIP, INNER_LIP) for a, b in zip(ring[16:], ring[14:10:-1], strict=True)),
    *((48, 278), (98, 327), (234, 454), (132, 361), (172, 397), (150, 379), (176, 400)),
    *((33, 263), (159, 386), (133, 362), (145, 374), (468, 473), (70, 300), (107, 336), (50, 280)),
)
# Vertices that speech and expression hardly move.
RIGID = (10, 151, 9, 168, 6, 197, 195, 5, 4, 33, 133, 362, 263, 127, 356, 234, 454, 21, 251, 54, 284, 103,
         332)  # fmt: skip
GEOMETRY = "geometry_pipeline_metadata_landmarks.binarypb"


def mirrored_order() -> Array:
    """Return int64 (78,): row i of a mirrored face is row order[i] of the face."""
    partner = {a: b for a, b in MIRROR_PAIRS} | {b: a for a, b in MIRROR_PAIRS}
    place = {vertex: row for row, vertex in enumerate(VERTICES)}
    return np.array([place[partner.get(vertex, vertex)] for vertex in VERTICES])


def five_points(mesh: Array) -> Array:
    """Return eye centres, nose tip and mouth corners, float64 (5, 2), of a mesh (478, 2 or 3)."""
    p = mesh[:, :2].astype(np.float64)
    return np.stack([(p[33] + p[133]) / 2, (p[362] + p[263]) / 2, p[1], p[61], p[291]])


def canonical_mesh(task: Path) -> Array:
    """Read the canonical face of the bundle, float64 (468, 3): x right, y down, z away from the camera, in cm.

    The vertex buffer is an unpacked repeated float: 468 × (x, y, z, u, v), each behind a byte of tag.
    """
    with zipfile.ZipFile(task) as bundle:
        raw = np.frombuffer(bundle.read(GEOMETRY), np.uint8)
    for start in range(len(raw) - 5 * 2340):
        rows = raw[start : start + 5 * 2340].reshape(2340, 5)
        if (rows[:, 0] == rows[0, 0]).all():
            values = np.ascontiguousarray(rows[:, 1:]).view("<f4").reshape(468, 5)
            return np.asarray(values[:, :3].astype(np.float64) * np.array([1.0, -1.0, -1.0]))
    raise ValueError(f"no vertex buffer of 468 vertices in {GEOMETRY} of {task}")


def head_pose(mesh: Array, canonical: Array) -> Array:
    """Return yaw, pitch and roll in degrees, float32 (3,), of a mesh (478, 3): the rotation of the rigid vertices.

    Yaw > 0: turned towards the image's right; pitch > 0: looking down; roll > 0: tilted clockwise in the image.
    """
    a = canonical[list(RIGID)]
    b = mesh[list(RIGID)].astype(np.float64)
    a, b = a - a.mean(0), b - b.mean(0)
    u, _, vt = np.linalg.svd(a.T @ b)
    turn = (u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt).T  # canonical → frame
    yaw = np.arcsin(np.clip(turn[2, 0], -1, 1))
    pitch = np.arctan2(turn[2, 1], turn[2, 2])
    roll = np.arctan2(turn[1, 0], turn[0, 0])
    return np.degrees([yaw, pitch, roll]).astype(np.float32)
