"""Anchors of the detector: which cell learns which face, the losses, and the decoding that undoes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from training.detector.network import SIDES, STRIDES

Array = npt.NDArray[Any]
VARIANCES = (0.1, 0.2)


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What every prior of a batch should say.

    Attributes:
        kind: int64 (B, N): 1 a face, 0 none, -1 do not care.
        offsets: float32 (B, N, 4).
        points: float32 (B, N, 10).
    """

    kind: Tensor
    offsets: Tensor
    points: Tensor


def priors(height: int, width: int) -> Array:
    """Return centre x, centre y and side of every prior in pixels, float32 (N, 3)."""
    rows = []
    for stride, side in zip(STRIDES, SIDES, strict=True):
        y, x = np.mgrid[0 : -(-height // stride), 0 : -(-width // stride)]
        centres = np.stack([x, y], -1).reshape(-1, 2) * stride + stride / 2
        rows.append(np.hstack([centres, np.full((len(centres), 1), side)]))
    return np.concatenate(rows).astype(np.float32)


def encode(grid: Tensor, boxes: Tensor, landmarks: Tensor) -> Targets:
    """Match faces to priors.

    Args:
        grid: priors (N, 3).
        boxes: (B, F, 4) xyxy pixels; all zero where there is no face.
        landmarks: (B, F, 5, 2).
    """
    wide = boxes[..., 2:] - boxes[..., :2]
    centre = (boxes[..., 2:] + boxes[..., :2]) / 2
    size = wide.clamp(min=1e-3).prod(-1).sqrt()
    real = size > 1
    # B N F
    far = ((grid[:, None, :2] - centre[:, None]).abs() / size[:, None, :, None].clamp(min=1)).amax(-1)
    ratio = (size[:, None] / grid[:, None, 2]).clamp(min=1e-3).log().abs()
    cost = torch.where(real[:, None], far + ratio, torch.full_like(far, 1e6))
    match = real[:, None] & (far < 0.22) & (ratio < 0.5)
    best = cost.argmin(1)  # each face has at least its nearest prior
    match |= F.one_hot(best, grid.shape[0]).permute(0, 2, 1).bool() & real[:, None]
    near = (real[:, None] & (far < 0.45) & (ratio < 0.9)).any(-1)
    face = torch.where(match, cost, torch.full_like(cost, 1e6)).argmin(-1)
    found = match.any(-1)
    kind = torch.where(found, 1, torch.where(near, -1, 0))
    pick = face[..., None].expand(-1, -1, 2)
    side = grid[:, 2, None]
    shift = (torch.gather(centre, 1, pick) - grid[:, :2]) / (side * VARIANCES[0])
    grow = (torch.gather(wide, 1, pick).clamp(min=1e-3) / side).log() / VARIANCES[1]
    spots = torch.gather(landmarks.flatten(2), 1, face[..., None].expand(-1, -1, 10)).unflatten(-1, (5, 2))  # type: ignore[no-untyped-call]
    points = (spots - grid[:, None, :2]) / (side[..., None] * VARIANCES[0])
    return Targets(kind, torch.cat([shift, grow], -1), points.flatten(2))


def losses(scores: Tensor, offsets: Tensor, points: Tensor, targets: Targets) -> dict[str, Tensor]:
    """Cross-entropy on faces and the hardest of the rest, smooth L1 on boxes and, sharper, on landmarks."""
    face, rest = targets.kind == 1, targets.kind == 0
    count = max(int(face.sum()), 1)
    each = F.binary_cross_entropy_with_logits(scores, face.float(), reduction="none")
    hard = each[rest].topk(min(int(rest.sum()), count * 4 + 64)).values
    score = (each[face].sum() + hard.sum()) / (count * 2)
    box = F.smooth_l1_loss(offsets[face], targets.offsets[face], beta=0.2, reduction="sum") / count
    point = F.smooth_l1_loss(points[face], targets.points[face], beta=0.05, reduction="sum") / count
    return {"score": score, "box": 0.3 * box, "point": 0.25 * point}


def decode(
    grid: Array, scores: Array, offsets: Array, points: Array, threshold: float
) -> tuple[Array, Array, Array]:
    """Return boxes (n, 4) xyxy, scores (n,) and landmarks (n, 5, 2) of the priors above the threshold."""
    keep = scores > threshold
    prior, off, scores = grid[keep], offsets[keep], scores[keep]
    side = prior[:, 2:]
    centre = prior[:, :2] + off[:, :2] * VARIANCES[0] * side
    half = side * np.exp(np.clip(off[:, 2:] * VARIANCES[1], -4, 4)) / 2
    marks = prior[:, None, :2] + points[keep].reshape(-1, 5, 2) * VARIANCES[0] * side[:, None]
    return np.hstack([centre - half, centre + half]), scores, marks


def overlap(box: Array, boxes: Array) -> Array:
    """Return the intersection over union of one box with (n, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return np.asarray(shared / np.maximum((box[2:] - box[:2]).prod() + areas - shared, 1e-6))


def merge(
    boxes: Array, scores: Array, landmarks: Array, iou: float, blend: bool
) -> tuple[Array, Array, Array]:
    """Keep the best of overlapping boxes; with `blend`, their mean weighted by score instead (steadier)."""
    order = np.argsort(-scores)
    out_boxes, out_scores, out_marks = [], [], []
    while len(order):
        first = order[0]
        near = overlap(boxes[first], boxes[order]) > iou
        group = order[near] if blend else order[:1]
        weight = scores[group] / scores[group].sum()
        out_boxes.append(weight @ boxes[group])
        out_marks.append(np.tensordot(weight, landmarks[group], 1))
        out_scores.append(scores[first])
        near[0] = True
        order = order[~near]
    count = len(out_boxes)
    return np.reshape(out_boxes, (count, 4)), np.asarray(out_scores), np.reshape(out_marks, (count, 5, 2))
