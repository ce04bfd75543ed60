"""Fit two published architectures to our labels, so that smaller files can be measured on answers that mean something.

    python -m training fitted.published bisenet --minutes 10
    python -m training fitted.published s3fd --minutes 17

Writes OUT/NAME.pth, a bare state dict with the published keys that `python -m export convert NAME` takes. The weights
are for measuring quantization (see `fitted.measure`), not for use: few minutes, classes drawn from a landmark mesh.
S3FD has no batch norms and does not start from scratch in minutes; it is fitted with one behind every convolution of
its trunk, and these are folded into the convolutions before saving.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.graphs import Normalised
from export.networks import BiSeNet, S3fd
from export.networks.s3fd import VGG
from lipsync_edge.face.detector import make_priors
from lipsync_edge.models.spec import load_spec
from training.cli import WORK, command, parse
from training.data.sources import Face
from training.detector.scenes import SceneMaker
from training.detector.targets import encode, losses
from training.detector.train import ScenePool, load_faces
from training.fit import Losses, Plan, fit, mixed
from training.fitted.parsing_maps import BROWS, EYES, LOWER_LIP, MOUTH, UPPER_LIP, augmented

TRUNK = (*(f"conv{name}" for name, _, _ in VGG), "fc6", "fc7", "conv6_1", "conv6_2", "conv7_1", "conv7_2")
L2_SCALES = {"conv3_3_norm": 10.0, "conv4_3_norm": 8.0, "conv5_3_norm": 5.0}


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a fit.

    Attributes:
        side: of the square pictures.
        batch: pictures a step.
        share: of the minutes.
        rate: highest learning rate.
    """

    side: int
    batch: int
    share: float
    rate: float


STAGES = {
    "bisenet": (Stage(128, 16, 0.4, 2e-3), Stage(256, 6, 0.35, 1e-3), Stage(512, 3, 0.25, 5e-4)),
    "s3fd": (Stage(128, 6, 0.55, 1e-3), Stage(256, 4, 0.45, 6e-4)),
}


class ParseLoss:
    """Crops with classes; cross-entropy of all three heads, as the network was published with."""

    def __init__(self, faces: Sequence[Face], stage: Stage, seed: int = 0) -> None:
        """Sample from `faces`."""
        self._faces, self._stage, self._rng = faces, stage, np.random.default_rng(seed)
        self._normalise = Normalised(load_spec("bisenet"))
        self._weight = torch.ones(19)
        self._weight[[*BROWS, *EYES, MOUTH, UPPER_LIP, LOWER_LIP]] = 2.0

    def __call__(self, net: nn.Module) -> Losses:
        """See the class."""
        assert isinstance(net, BiSeNet)
        rows = self._rng.integers(0, len(self._faces), self._stage.batch)
        drawn = [augmented(self._rng, self._faces[row], self._stage.side) for row in rows]
        x = self._normalise(torch.from_numpy(np.stack([d.crop_bgr for d in drawn])))
        classes = torch.from_numpy(np.stack([d.classes for d in drawn]).astype(np.int64))
        with mixed():
            spatial, near, far = net.cp(x.contiguous(memory_format=torch.channels_last))
            heads = net.conv_out(net.ffm(spatial, near)), net.conv_out16(near), net.conv_out32(far)
        half = classes[:, ::2, ::2]
        terms = {"first": F.cross_entropy(_enlarged(heads[0], classes), classes, self._weight)}
        for name, head in zip(("second", "third"), heads[1:], strict=True):
            terms[name] = 0.5 * F.cross_entropy(_enlarged(head, half), half, self._weight)
        return terms


def _enlarged(logits: Tensor, classes: Tensor) -> Tensor:
    return F.interpolate(logits.float(), classes.shape[1:], mode="bilinear", align_corners=True)


class FaceLoss:
    """Composed frames; faces and the hardest of the rest, and boxes, on S3FD's own priors."""

    def __init__(self, faces: Sequence[Face], stage: Stage, seed: int = 0, pool: int = 300) -> None:
        """Compose `pool` frames; two are made anew for every batch."""
        maker = SceneMaker(list(faces), seed, whole=0.6, empty=0.08)
        self._stage, self._card = stage, load_spec("s3fd")
        self._pool = ScenePool(maker, stage.side, (0.2 * stage.side, 0.95 * stage.side), pool)
        self._normalise = Normalised(self._card)
        assert self._card.detect is not None
        self._grid = torch.from_numpy(make_priors(stage.side, stage.side, self._card.detect)[:, :3])

    def __call__(self, net: nn.Module) -> Losses:
        """See the class."""
        self._pool.renew(2)
        frames, boxes, marks = self._pool.batch(self._stage.batch)
        with mixed():
            heads = net(self._normalise(frames).contiguous(memory_format=torch.channels_last))
        scores = torch.cat([(c[:, 1] - c[:, 0]).float().flatten(1) for c in heads[0::2]], 1)
        offsets = torch.cat([o.float().flatten(2) for o in heads[1::2]], 2).transpose(1, 2)
        targets = encode(self._grid, boxes, marks)
        terms = losses(scores, offsets, targets.points, targets)
        return {name: terms[name] for name in ("score", "box")}


def with_norms(net: nn.Module) -> nn.Module:
    """Put a batch norm behind every convolution of S3FD's trunk, in place; He's start, published L2 scales."""
    for name in TRUNK:
        conv = getattr(net, name)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.bias)
        setattr(net, name, nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels)))
    for name, scale in L2_SCALES.items():
        nn.init.constant_(getattr(net, name).weight, scale)
    return net


def without_norms(net: nn.Module) -> nn.Module:
    """Fold the batch norms of `with_norms` into their convolutions, in place: the published keys and shapes."""
    net.eval()
    for name in TRUNK:
        conv, norm = getattr(net, name)
        setattr(net, name, nn.utils.fusion.fuse_conv_bn_eval(conv, norm))
    return net


MAKERS: dict[
    str, tuple[Callable[[], nn.Module], Callable[[Sequence[Face], Stage, int], Callable[[nn.Module], Losses]]]
]
MAKERS = {"bisenet": (BiSeNet, ParseLoss), "s3fd": (lambda: with_norms(S3fd()), FaceLoss)}


def fitted(
    name: str, faces: Sequence[Face], stages: Sequence[Stage], minutes: float, folder: Path, steps: int = 0
) -> nn.Module:
    """Fit one stage after the other and return the network with the published keys.

    Args:
        name: "bisenet" or "s3fd".
        faces: to learn from.
        stages: small pictures first.
        minutes: all stages together.
        folder: takes a folder a stage; a stage that was cut off goes on.
        steps: of each stage at most; 0: as many as fit.
    """
    make, loss = MAKERS[name]
    net = make().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for number, stage in enumerate(stages):
        plan = Plan(minutes * stage.share, stage.rate, steps, warmup=30)
        mean = fit(net, loss(faces, stage, number), plan, folder / f"{name}_{stage.side}")
        net.load_state_dict(mean.state_dict())
    net = net.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    return without_norms(net) if name == "s3fd" else net


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "labels", minutes=12.0, out=WORK / "fitted")
    parser.add_argument("network", choices=sorted(STAGES))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Fit and save from the command line."""
    options = parse(arguments(), argv)
    faces = load_faces(options.corpus, options.labels, per_person=38)
    print(f"{options.network}: {len(faces)} faces", flush=True)
    net = fitted(options.network, faces, STAGES[options.network], options.minutes, options.out)
    path = options.out / f"{options.network}.pth"
    torch.save(net.state_dict(), path)
    print(f"{path}: python -m export convert {options.network} {path} -o DIR")
