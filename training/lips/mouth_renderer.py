"""Train the hand: face + shape code → flow, mask, paint.

python -m export.train.lips_hand --labels .train/labels --minutes 60
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.train.fit import Plan, fit
from export.train.lips_faces import Faces
from export.train.lips_judge import Trial
from export.train.lips_networks import WINDOW, Hand, compose
from export.train.lips_shape import LOWER_INNER, UPPER_INNER, ShapeModel
from export.train.lips_views import MOVING, SIDE

UPPER = [MOVING.index(i) for i in UPPER_INNER]
LOWER = [MOVING.index(i) for i in LOWER_INNER]
LIPS = 60  # the first of MOVING are the lips
BATCH = 16
JUDGE_AFTER = 600  # steps of the hand alone, before the judge has a say
JUDGE = 0.2
MATCH = 2.0


def zone(points: Tensor, size: int = SIDE, window: tuple[float, ...] = (0.0, 0.0, 1.0, 1.0)) -> Tensor:
    """Return weights (B, 1, size, size) over a window: 1 at the mouth of points (B, k, 2), little at the eyes."""
    centre = points[:, :LIPS].mean(1)
    cells = (torch.arange(size, dtype=points.dtype) + 0.5) / size
    x, y = ((window[k] + cells * (window[k + 2] - window[k])) * SIDE - 0.5 for k in (0, 1))
    x, y = x[None, :] - centre[:, :1], y[None, :] - centre[:, 1:]
    return (
        torch.exp(-(y**2) / (2 * 13.0**2))[:, None, :, None]
        * torch.exp(-(x**2) / (2 * 17.0**2))[:, None, None, :]
    )


def gradients(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return horizontal and vertical differences of images (B, C, H, W)."""
    return image.diff(dim=3), image.diff(dim=2)


def around(edges: Tensor) -> Tensor:
    """Return how much edge there is around each pixel: a blurred mouth has too little, wherever its teeth are."""
    return F.avg_pool2d(edges.abs(), 9, 1, 4)


def flow_losses(flow: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the terms of where pixels are carried."""
    grid = (batch["to"] + 0.5) * 2 / SIDE - 1
    at_points = F.grid_sample(
        flow, grid[:, None], mode="bilinear", padding_mode="border", align_corners=False
    )[:, :, 0]
    wanted = (batch["come_from"] - batch["to"]).transpose(1, 2) / SIDE
    wanted = torch.cat([wanted[:, :, : len(MOVING)], torch.zeros_like(wanted[:, :, len(MOVING) :])], 2)
    miss = (at_points - wanted).abs() * SIDE
    chin, rest = miss[:, :, LIPS : len(MOVING)], miss[:, :, len(MOVING) :]
    bend = sum(d.diff(dim=k).abs().mean() for k, d in ((3, flow.diff(dim=3)), (2, flow.diff(dim=2)))) * SIDE
    far = (flow.abs() * (1 - zone(batch["to"], flow.shape[-1])).clamp(min=0) ** 6).mean() * SIDE
    points = miss[:, :, :LIPS].mean() + 0.4 * (chin.mean() + rest.mean())
    lift = [(field[:, 1, LOWER].mean(1) - field[:, 1, UPPER].mean(1)) * SIDE for field in (at_points, wanted)]
    opening = (lift[0] - lift[1]).abs().mean()
    return {"points": 1.5 * points, "opening": 1.0 * opening, "bend": 0.2 * bend, "far": 0.05 * far}


def soft(picture: Tensor, sharp: Tensor) -> Tensor:
    """Return pictures (B, C, H, W) blurred to half their resolution where `sharp` (B,) is 0."""
    blurred = F.avg_pool2d(picture, 3, 1, 1, count_include_pad=False)
    keep = sharp[:, None, None, None]
    return keep * picture + (1 - keep) * blurred


def unlike(made: Tensor, real: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean differences of value, of slopes and of the amount of detail, weighted (B, 1, H, W)."""
    total = weight.sum() * made.shape[1] + 1
    slopes = list(zip(gradients(made), gradients(real), strict=True))

    def mean(miss: Tensor) -> Tensor:
        return (miss.abs() * weight[..., : miss.shape[2], : miss.shape[3]]).sum() / total

    edges = sum((mean(a - b) for a, b in slopes), torch.zeros(()))
    detail = sum((mean(around(a) - around(b)) for a, b in slopes), torch.zeros(()))
    return mean(made - real), edges, detail


def hand_losses(net: nn.Module, batch: dict[str, Tensor], trial: Trial | None = None) -> dict[str, Tensor]:
    """Return the weighted loss terms of one batch; `trial` adds the judge's, and lets the judge learn."""
    with torch.autocast("cpu", torch.bfloat16):
        flow, logits, paint, seen = (out.float() for out in net(batch["reference"], batch["code"]))
    real = batch["mask"]
    near = zone(batch["to"], real.shape[-1], WINDOW)
    mask = (F.binary_cross_entropy_with_logits(logits, real, reduction="none") * (near + 0.1)).mean()
    shown = torch.sigmoid(logits)
    overlap = 1 - (2 * (shown * real).sum((1, 2, 3)) + 16) / ((shown + real).sum((1, 2, 3)) + 16)
    made = compose(batch["fine"], flow, shown, paint)
    has = batch["pictured"][:, None, None, None]
    target = soft(batch["target"], batch["sharp"])
    image, edges, _ = unlike(soft(made, batch["sharp"]), target, has * near)
    painted, painted_edges, texture = unlike(soft(paint, batch["sharp"]), target, has * real)
    terms = {
        **flow_losses(flow, batch),
        "seen": 0.3 * (seen - batch["seen"]).abs().mean(),
        "mask": 6.0 * mask,
        "overlap": 0.6 * overlap.mean(),
        "image": 4.0 * image,
        "edges": 4.0 * edges,
        "paint": 2.0 * painted,
        "paint_edges": 3.0 * painted_edges,
        "texture": 8.0 * texture,
    }
    if trial is None:
        return terms
    weight = F.avg_pool2d(real, 8) + 0.02
    seen_made = soft(made, batch["sharp"])  # where the source is blurred, that is not the hand's fault
    trial.learn((soft(batch["real"], batch["real_sharp"]), batch["real_mask"]), (seen_made, real), weight)
    judged = trial.losses(seen_made, target, real, weight, batch["pictured"])
    return {**terms, "fooled": JUDGE * judged["fooled"], "match": MATCH * judged["match"]}


def warm_start(net: nn.Module, path: Path) -> int:
    """Take over the tensors of an earlier hand that still fit; returns how many did.

    A layer that was given more inputs keeps what it did with the old ones, and does nothing yet with the new; one that
    has fewer outputs left keeps the first.
    """
    old = torch.load(path, map_location="cpu", weights_only=True)["mean"]
    own = net.state_dict()
    taken = {}
    for key, value in old.items():
        if key not in own:
            continue
        wanted = own[key].shape
        if wanted == value.shape:
            taken[key] = value
        elif wanted[:1] == value.shape[:1] and wanted[2:] == value.shape[2:] and wanted[1] > value.shape[1]:
            more = wanted[1] - value.shape[1]
            taken[key] = torch.cat([value, value.new_zeros(value.shape[0], more, *wanted[2:])], 1)
        elif wanted[1:] == value.shape[1:] and wanted[0] < value.shape[0]:
            taken[key] = value[: wanted[0]]
    net.load_state_dict({**own, **taken})
    return len(taken)


def main(argv: list[str] | None = None) -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--labels", type=Path, default=Path(".train/labels"))
    parser.add_argument("--out", type=Path, default=Path(".train/lips"))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate")
    parser.add_argument("--fresh", action="store_true", help="start a new cycle from the saved weights")
    parser.add_argument("--warm", type=Path, help="last.pt of an earlier hand, whose layers are taken over")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(options.seed)
    faces = Faces(options.corpus, options.labels, ShapeModel.load(options.out / "shape.npz"), options.seed)
    folder, net = options.out / "hand", Hand()
    if options.warm and not (folder / "last.pt").is_file():
        print(f"{warm_start(net, options.warm)} tensors taken over", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    trial, steps = Trial(folder / "judge.pt"), 0
    with ThreadPoolExecutor(1) as drawing:  # the next batch is drawn while the hand learns from this one
        coming = drawing.submit(faces.batch, BATCH)

        def losses(hand: nn.Module) -> dict[str, Tensor]:
            nonlocal steps, coming
            steps += 1
            batch, coming = coming.result(), drawing.submit(faces.batch, BATCH)
            judged = steps > JUDGE_AFTER or trial.steps > 0
            return hand_losses(hand, batch, trial if judged else None)

        fit(net, losses, Plan(minutes=options.minutes, rate=options.rate), folder, options.fresh)


if __name__ == "__main__":
    main()
