"""Train the hand: face + shape code → flow, mask, paint.

python -m export.train.lips_hand --labels .train/labels --minutes 40
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.train.fit import Plan, fit
from export.train.lips_faces import MOVING, SIDE, Faces
from export.train.lips_networks import Hand, compose
from export.train.lips_shape import ShapeModel

LIPS = 60  # the first of MOVING are the lips
BATCH = 16


def zone(points: Tensor) -> Tensor:
    """Return a weight map (B, 1, 128, 128): 1 at the mouth of points (B, k, 2), falling to little at the eyes."""
    centre = points[:, :LIPS].mean(1)
    axis = torch.arange(SIDE, dtype=points.dtype)
    x, y = axis[None, :] - centre[:, :1], axis[None, :] - centre[:, 1:]
    return (
        torch.exp(-(y**2) / (2 * 13.0**2))[:, None, :, None]
        * torch.exp(-(x**2) / (2 * 17.0**2))[:, None, None, :]
    )


def gradients(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return horizontal and vertical differences of images (B, C, H, W)."""
    return image.diff(dim=3), image.diff(dim=2)


def around(edges: Tensor) -> Tensor:
    """Return how much edge there is around each pixel: a blurred mouth has too little, wherever its teeth are."""
    return F.avg_pool2d(edges.abs(), 5, 1, 2)


def hand_losses(net: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weighted loss terms of one batch."""
    flow, logits, paint = net(batch["reference"], batch["code"])
    grid = (batch["to"] + 0.5) * 2 / SIDE - 1
    at_points = F.grid_sample(
        flow, grid[:, None], mode="bilinear", padding_mode="border", align_corners=False
    )[:, :, 0]
    wanted = (batch["come_from"] - batch["to"]).transpose(1, 2) / SIDE
    wanted = torch.cat([wanted[:, :, : len(MOVING)], torch.zeros_like(wanted[:, :, len(MOVING) :])], 2)
    miss = (at_points - wanted).abs() * SIDE
    chin, rest = miss[:, :, LIPS : len(MOVING)], miss[:, :, len(MOVING) :]
    points = miss[:, :, :LIPS].mean() + 0.4 * (chin.mean() + rest.mean())
    real = batch["mask"]
    near = zone(batch["to"])
    mask = (F.binary_cross_entropy_with_logits(logits, real, reduction="none") * (near + 0.1)).mean()
    shown_mask = torch.sigmoid(logits)
    overlap = 1 - (2 * (shown_mask * real).sum((1, 2, 3)) + 4) / ((shown_mask + real).sum((1, 2, 3)) + 4)
    has = batch["pictured"][:, None, None, None]
    made = compose(batch["reference"], flow, shown_mask, paint)
    weight = has * near
    total = weight.sum() * 3 + 1
    image = ((made - batch["target"]).abs() * weight).sum() / total
    edges = sum(
        ((a - b).abs() * weight[..., : a.shape[2], : a.shape[3]]).sum() / total
        for a, b in zip(gradients(made), gradients(batch["target"]), strict=True)
    )
    inside = has * real
    shown = ((paint - batch["target"]).abs() * inside).sum() / (inside.sum() * 3 + 1)
    shown_edges = sum(
        ((a - b).abs() * inside[..., : a.shape[2], : a.shape[3]]).sum() / (inside.sum() * 3 + 1)
        for a, b in zip(gradients(paint), gradients(batch["target"]), strict=True)
    )
    texture = sum(
        ((around(a) - around(b)).abs() * inside[..., : a.shape[2], : a.shape[3]]).sum()
        / (inside.sum() * 3 + 1)
        for a, b in zip(gradients(paint), gradients(batch["target"]), strict=True)
    )
    bend = sum(d.diff(dim=k).abs().mean() for k, d in ((3, flow.diff(dim=3)), (2, flow.diff(dim=2)))) * SIDE
    far = (flow.abs() * (1 - F.avg_pool2d(near, 2)).clamp(min=0) ** 6).mean() * SIDE
    return {
        "points": 0.5 * points,
        "mask": 6.0 * mask,
        "overlap": 0.4 * overlap.mean(),
        "image": 4.0 * image,
        "edges": 3.0 * edges,
        "paint": 2.0 * shown,
        "paint_edges": 2.0 * shown_edges,
        "texture": 6.0 * texture,
        "bend": 0.6 * bend,
        "far": 0.05 * far,
    }


def main(argv: list[str] | None = None) -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path, default=Path(".train/labels"))
    parser.add_argument("--out", type=Path, default=Path(".train/lips"))
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="start a new cycle from the saved weights")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(options.seed)
    faces = Faces(options.labels, ShapeModel.load(options.out / "shape.npz"), options.seed)
    plan = Plan(minutes=options.minutes, rate=1.5e-3)
    fit(Hand(), lambda net: hand_losses(net, faces.batch(BATCH)), plan, options.out / "hand", options.fresh)


if __name__ == "__main__":
    main()
