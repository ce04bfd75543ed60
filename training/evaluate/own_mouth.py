"""Figure (a) of the bundled lips: a speaker's own mouth made anew from another moment of the same clip.

The reference is, of all frames at least a second away, the one whose head is held most alike; it is laid on the
target's head by the landmarks that do not talk. Its mouth says something else, so that it cannot be copied. Beside the
result stand the reference itself ("copy") and the same reference driven by somebody else's voice ("wrong").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.engine import Engine
from lipsync_edge.eval.metrics.pixels import psnr, ssim
from lipsync_edge.face.align import aligned_crop, similarity
from lipsync_edge.types import Frame
from training.data.labels import five_points
from training.data.sounds import read_sound
from training.evaluate.speaking import hearing, landmarks_of, read_tracked
from training.lips.coefficients import RIGID, apply, similarity_batch

Array = npt.NDArray[Any]

SIDE = 128  # pixels of the aligned crop that is compared
MOUTH = (0.25, 0.4375, 0.75, 0.9375)  # of it: left, top, right, bottom
APART = 1.0  # seconds between target and reference, at least
# Of the mesh: what tells how a head is held and does not talk.
POSE = (*RIGID, 5, 48, 278, 234, 454, 127, 356)


@dataclass(frozen=True, slots=True, eq=False)
class Talking:
    """A tracked clip with its sound and the teacher's landmarks.

    Attributes:
        name: file name.
        frames: tracked frames, in order.
        points: float32 (n, 468, 2), landmarks of the same frames in frame pixels.
        samples: float32 (m,), 16 kHz.
    """

    name: str
    frames: list[Frame]
    points: Array
    samples: Array


def read_talking(engine: Engine, path: Path, labels: Path, seconds: float) -> Talking:
    """Track the first seconds of an evaluation clip and take the labels of the same frames."""
    with np.load(labels / "eval.npz") as data:
        number = [Path(str(p)).name for p in data["paths"]].index(path.name)
        points = data["points"][data["clip"] == number][:, :, :2]
    done = read_tracked(engine, path, seconds)
    return Talking(path.name, done[: len(points)], points[: len(done)], read_sound(path))


def mouth(frame_bgr: Array, landmarks: Array, side: int = SIDE) -> Array:
    """Cut the mouth's window, uint8, out of the aligned crop of `side` pixels."""
    left, top, right, bottom = (round(part * side) for part in MOUTH)
    return aligned_crop(landmarks, side).cut(frame_bgr)[top:bottom, left:right]


def pose_difference(points: Array, target: Array) -> Array:
    """Return how badly each head can be laid on the target's, in eye distances, float (n,).

    Args:
        points: float (n, 468, 2), landmarks of faces.
        target: float (468, 2), of the target.
    """
    here, there = target[list(POSE)].astype(np.float64), points[:, list(POSE)].astype(np.float64)
    lay = similarity_batch(there, np.broadcast_to(here, there.shape))
    apart = np.linalg.norm(apply(lay, there) - here, axis=-1).mean(-1)
    return np.asarray(apart / np.linalg.norm(target[263] - target[33]))


def partners(times: Array, points: Array, count: int) -> list[tuple[int, int]]:
    """Choose up to `count` targets and, for each, the frame at least `APART` away whose head is held most alike."""
    faces = np.flatnonzero(np.asarray(points.any((1, 2)))[: len(times)])
    chosen = []
    for t in faces[np.unique(np.linspace(0, len(faces) - 1, min(count, len(faces))).astype(int))]:
        far = faces[np.abs(times[faces] - times[t]) >= APART]
        if len(far):
            chosen.append((int(t), int(far[np.argmin(pose_difference(points[far], points[t]))])))
    return chosen


def same_face(landmarks: Array, points: Array) -> bool:
    """Whether tracker and teacher look at the same face: centres less than an eye distance apart."""
    eyes = np.linalg.norm(points[263] - points[33])
    return bool(np.linalg.norm(landmarks.mean(0) - five_points(points).mean(0)) < eyes)


def own_row(engine: Engine, clip: Talking, wrong: Array, count: int) -> dict[str, Any] | None:
    """Return the figures of one clip, or None when it is too short or shows no face."""
    right, misleading = (hearing(engine, clip.frames, sound) for sound in (clip.samples, wrong))
    known = min(len(right), len(misleading))
    times = np.array([float(frame.time) for frame in clip.frames[:known]])
    found: dict[str, list[tuple[float, float]]] = {"made": [], "copy": [], "wrong": []}
    for t, r in partners(times, clip.points, count):
        landmarks = landmarks_of(right[t])
        if landmarks is None or not same_face(landmarks, clip.points[t]):
            continue
        target = clip.frames[t].image_bgr
        lay = similarity(clip.points[r][list(POSE)], clip.points[t][list(POSE)])
        size, edge = target.shape[1::-1], cv2.BORDER_REPLICATE
        laid = np.asarray(
            cv2.warpAffine(clip.frames[r].image_bgr, lay, size, flags=cv2.INTER_CUBIC, borderMode=edge),
            np.uint8,
        )
        made, misled = (
            one.image_bgr
            for one in engine.render([replace(frame, image_bgr=laid) for frame in (right[t], misleading[t])])
        )
        real = mouth(target, landmarks)
        for key, image in (("made", made), ("copy", laid), ("wrong", misled)):
            shown = mouth(image, landmarks)
            found[key].append((psnr(shown, real), ssim(shown, real)))
    if not found["made"]:
        return None
    row: dict[str, Any] = {"clip": clip.name, "frames": len(found["made"])}
    for key, values in found.items():
        row[f"psnr_{key}"], row[f"ssim_{key}"] = (round(float(v), 3) for v in np.mean(values, 0))
    return row
