"""What the landmark network is judged by while it learns; lengths in pixels of the 128-pixel crop."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from training.landmarks.network import POSE_UNIT, SIDE
from training.landmarks.points import COUNT, JAW, LIPS, VERTICES

WING, BEND = 8.0, 1.5  # pixels; Feng et al., "Wing loss", CVPR 2018
CORNERS = tuple(VERTICES.index(v) for v in (61, 291, 78, 308))
UPPER = tuple(VERTICES.index(v) for v in (191, 80, 81, 82, 13, 312, 311, 310, 415))
LOWER = tuple(VERTICES.index(v) for v in (95, 88, 178, 87, 14, 317, 402, 318, 324))
SUBNASALE, CHIN = VERTICES.index(2), VERTICES.index(152)


def point_weights() -> Tensor:
    """Return float32 (78,): inner lips 3, outer lips 2, jaw 0.6 (its points slide), others 1; corners one more."""
    weight = torch.ones(COUNT)
    weight[:LIPS] = 2.0
    weight[LIPS // 2 : LIPS] = 3.0
    weight[list(CORNERS)] += 1.0
    weight[[VERTICES.index(v) for v in JAW]] = 0.6
    return weight / weight.mean()


def wing(error: Tensor) -> Tensor:
    """Logarithmic near zero, so that small errors still count; linear beyond 8 pixels."""
    size = error.abs()
    bend = torch.tensor(1 + WING / BEND)
    return torch.where(size < WING, WING * torch.log1p(size / BEND), size - WING + WING * torch.log(bend))


def gaps(points: Tensor) -> Tensor:
    """Return the vectors that opening, width and jaw are made of, (B, 12, 2)."""
    opening = points[:, list(LOWER)] - points[:, list(UPPER)]
    width = points[:, [CORNERS[1], CORNERS[3]]] - points[:, [CORNERS[0], CORNERS[2]]]
    return torch.cat([opening, width, points[:, CHIN : CHIN + 1] - points[:, SUBNASALE : SUBNASALE + 1]], 1)


def landmark_losses(made: tuple[Tensor, Tensor, Tensor], want: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weighted terms.

    Args:
        made: points (B, 78, 3) in crop units, pose (B, 3) in 30°, visibility logits (B,).
        want: `points` (B, 78, 3) and `pose` (B, 3) in pixels and degrees, `visible` and `face` (B,).
    """
    points, pose, logit = made
    there = want["face"] / want["face"].sum().clamp(min=1)
    xy, depth = points[..., :2] * SIDE - 0.5, points[..., 2] * SIDE
    error = xy - want["points"][..., :2]
    by_face = (wing(error).sum(2) * point_weights()).mean(1)
    between = (gaps(xy) - gaps(want["points"][..., :2])).abs().mean((1, 2))
    behind = (depth - want["points"][..., 2]).abs().mean(1)
    turned = (pose - want["pose"] / POSE_UNIT).abs().mean(1)
    return {
        "points": (by_face * there).sum() * 0.1,
        "gaps": (between * there).sum() * 0.5,
        "depth": (behind * there).sum() * 0.05,
        "pose": (turned * there).sum() * 2.0,
        "visible": F.binary_cross_entropy_with_logits(logit, want["visible"]) * 0.5,
    }


def agreement(made: tuple[Tensor, Tensor, Tensor], want: dict[str, Tensor]) -> Tensor:
    """Return how far the errors of two views of one face differ, in pixels; rows 2i and 2i+1 are such views.

    What differs between two views is noise of the network alone: in a film it would be seen as trembling.
    """
    error = (made[0][..., :2] * SIDE - 0.5 - want["points"][..., :2]) * want["face"][:, None, None]
    both = (want["face"][0::2] * want["face"][1::2])[:, None, None]
    return ((error[0::2] - error[1::2]).abs() * both).mean()
