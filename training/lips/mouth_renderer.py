"""Train the mouth renderer: face + mouth coefficients → flow, mask, mouth interior.

python -m training lips.mouth_renderer --labels .train/labels --minutes 60
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

from training.cli import WORK, command, parse
from training.fit import Plan, channels_last, fit, mixed
from training.lips.asking import CHIN
from training.lips.coefficients import LOWER_INNER, UPPER_INNER, ShapeModel
from training.lips.discriminator import Adversary
from training.lips.examples import Faces
from training.lips.networks import WINDOW, MouthRenderer, compose
from training.lips.views import MOVING, SIDE

UPPER = [MOVING.index(i) for i in UPPER_INNER]
LOWER = [MOVING.index(i) for i in LOWER_INNER]
CORNERS = [MOVING.index(i) for i in (61, 291)]
JAW = [MOVING.index(i) for i in CHIN]
LIPS = 60  # the first of MOVING are the lips
BATCH = 16
LATER = 4  # examples of a batch that are also drawn a frame later
LEARNS_AFTER, ADVERSARIAL_AFTER = 100, 600  # steps, before the discriminator learns and before it has a say
ADVERSARIAL = 0.2
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
    bend = SIDE * (flow.diff(n=2, dim=3).abs().mean() + flow.diff(n=2, dim=2).abs().mean())
    far = (flow.abs() * (1 - zone(batch["to"], flow.shape[-1])).clamp(min=0) ** 6).mean() * SIDE
    points = miss[:, :, :LIPS].mean() + 0.4 * (chin.mean() + rest.mean())
    lift = [(field[:, 1, LOWER].mean(1) - field[:, 1, UPPER].mean(1)) * SIDE for field in (at_points, wanted)]
    opening = (lift[0] - lift[1]).abs().mean()
    left, right = ((at_points - wanted)[:, 0, i] * SIDE for i in CORNERS)
    width = (left - right).abs().mean()
    jaw = ((at_points - wanted)[:, 1, JAW].mean(1) * SIDE).abs().mean()
    return {
        "points": 1.5 * points,
        "opening": 1.0 * opening,
        "width": 0.7 * width,
        "jaw": 0.5 * jaw,
        "bend": 0.15 * bend,
        "far": 0.05 * far,
    }


def steady(now: tuple[Tensor, Tensor], later: tuple[Tensor, Tensor]) -> Tensor:
    """Return how much the inside of a mouth changes in place from one frame to the next.

    Args:
        now: mask (B, 1, S, S), 0…1, and interior (B, 3, S, S).
        later: the same a frame later: teeth stay where they are, lips move over them.
    """
    both = torch.minimum(now[0], later[0]).detach()
    changed = F.avg_pool2d((now[1] - later[1]).abs() * both, 2).sum((1, 2, 3))
    change = changed / (0.75 * both.sum((1, 2, 3)) + 16)
    light = [
        (mask.detach() * interior).sum((1, 2, 3)) / (mask.detach().sum((1, 2, 3)) + 64)
        for mask, interior in (now, later)
    ]
    return change.mean() + 0.5 * (light[0] - light[1]).abs().mean()


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


def renderer_losses(
    net: nn.Module,
    batch: dict[str, Tensor],
    adversary: Adversary | None = None,
    say: bool = True,
    before: nn.Module | None = None,
) -> dict[str, Tensor]:
    """Return the weighted loss terms of one batch; `adversary` learns a step, and adds its terms if it has a say."""
    size, twins = len(batch["reference"]), batch["later"][:LATER]
    faces = torch.cat([batch["reference"], batch["reference"][: len(twins)]])
    asked = torch.cat([batch["coefficients"], twins])
    with mixed():
        outputs = [out.float() for out in net(faces.contiguous(memory_format=torch.channels_last), asked)]
    flow, logits, interior, seen = (out[:size] for out in outputs)
    later = torch.sigmoid(outputs[1][size:]), outputs[2][size:]
    real = batch["mask"]
    near = zone(batch["to"], real.shape[-1], WINDOW)
    mask = (F.binary_cross_entropy_with_logits(logits, real, reduction="none") * (near + 0.1)).mean()
    shown = torch.sigmoid(logits)
    overlap = 1 - (2 * (shown * real).sum((1, 2, 3)) + 16) / ((shown + real).sum((1, 2, 3)) + 16)
    made = compose(batch["fine"], flow, shown, interior)
    has = batch["pictured"][:, None, None, None]
    target = soft(batch["target"], batch["sharp"])
    image, edges, _ = unlike(soft(made, batch["sharp"]), target, has * near)
    inside, inside_edges, texture = unlike(soft(interior, batch["sharp"]), target, has * real)
    terms = {
        **flow_losses(flow, batch),
        "seen": 0.3 * (seen - batch["seen"]).abs().mean(),
        "mask": 6.0 * mask,
        "overlap": 0.6 * overlap.mean(),
        "image": 4.0 * image,
        "edges": 4.0 * edges,
        "interior": 2.0 * inside,
        "interior_edges": 3.0 * inside_edges,
        "texture": 8.0 * texture,
        "steady": 3.0 * steady((shown[: len(twins)], interior[: len(twins)]), later),
    }
    if before is not None:
        with torch.no_grad(), mixed():
            earlier = before(faces[:size], batch["coefficients"])[2].float()
        both = real * (1 - has)
        kept, kept_edges, kept_texture = unlike(interior, earlier, both)
        terms |= {"kept": 2.0 * kept, "kept_edges": 3.0 * kept_edges, "kept_texture": 8.0 * kept_texture}
    if adversary is None:
        return terms
    weight = F.avg_pool2d(real, 8) + 0.02
    # where the source is blurred, that is not the mouth renderer's fault
    seen_made = soft(made, batch["sharp"])
    adversary.learn((soft(batch["real"], batch["real_sharp"]), batch["real_mask"]), (seen_made, real), weight)
    if not say:
        return terms
    paid = adversary.losses(seen_made, target, real, weight, batch["pictured"])
    return {**terms, "fooled": ADVERSARIAL * paid["fooled"], "match": MATCH * paid["match"]}


def warm_start(net: nn.Module, path: Path) -> int:
    """Take over the tensors of an earlier mouth renderer that still fit; returns how many did.

    A layer that was given more inputs keeps what it did with the old ones, and does nothing yet with the new; one that
    has fewer outputs left keeps the first.
    """
    old = (
        shipped(path)
        if path.suffix == ".onnx"
        else torch.load(path, map_location="cpu", weights_only=True)["mean"]
    )
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


def shipped(path: Path) -> dict[str, Tensor]:
    """Read the mouth renderer's weights back from a lips graph."""
    items = onnx.load(str(path)).graph.initializer
    return {
        item.name.removeprefix("hand."): torch.from_numpy(numpy_helper.to_array(item).copy())
        for item in items
        if item.name.startswith("hand.")
    }


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "labels", out=WORK / "lips", minutes=60, rate=1.5e-3)
    parser.add_argument(
        "--warm",
        type=Path,
        help="last.pt of an earlier mouth renderer, or a lips graph, whose layers are taken over",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        help="an earlier mouth renderer whose interiors are kept where no picture shows any",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    options = parse(arguments(), argv)
    faces = Faces(options.corpus, options.labels, ShapeModel.load(options.out / "shape.npz"), options.seed)
    folder, net = options.out / "mouth_renderer", channels_last(MouthRenderer())
    if options.warm and not (folder / "last.pt").is_file():
        print(f"{warm_start(net, options.warm)} tensors taken over", flush=True)
    before = None
    if options.keep:
        before = channels_last(MouthRenderer()).eval()
        warm_start(before, options.keep)
    folder.mkdir(parents=True, exist_ok=True)
    adversary, steps = Adversary(folder / "discriminator.pt"), 0
    # The next batch is drawn while the mouth renderer learns from this one.
    with ThreadPoolExecutor(1) as drawing:
        coming = drawing.submit(faces.batch, BATCH)

        def losses(renderer: nn.Module) -> dict[str, Tensor]:
            nonlocal steps, coming
            steps += 1
            batch, coming = coming.result(), drawing.submit(faces.batch, BATCH)
            taken = steps > LEARNS_AFTER or adversary.steps > 0
            say = adversary.steps > ADVERSARIAL_AFTER - LEARNS_AFTER
            return renderer_losses(renderer, batch, adversary if taken else None, say, before)

        fit(net, losses, Plan.of(options), folder, options.fresh)
    adversary.save()
