"""One table of all networks: what each is built and wrapped by, calibrated on, and how a smaller file of it is gated.

A network that is added gets a spec (`lipsync_edge/models/specs`) and one entry here; convert, quantize and validate
read both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import nn

from lipsync_edge.errors import UsageError
from lipsync_edge.models.spec import ModelSpec
from lipsync_edge.types import Arrays

from . import calibration, gates, graphs
from .gates import Verdict
from .networks import BiSeNet, RRDBNet, S3fd, SyncNetColor, SyncNetV2, Wav2Lip
from .networks.syncnet_v2 import AudioBranch, LipBranch
from .samples import Scene

Axes = Mapping[str, Sequence[int | str]]
Range = tuple[float, float]
Sizes = Mapping[str, int]
ONE_AND_THREE: tuple[Sizes, Sizes] = ({"batch": 1}, {"batch": 3})
IMAGE: Axes = {"image": ("batch", 3, "height", "width")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """The published network's own float tensors, for `convert --plain`: their axes, and the range of its image."""

    inputs: Axes
    outputs: Axes
    image_range: Range = (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published architecture.

    Attributes:
        build: makes it, with untrained weights and the published key names.
        graph: wraps it as its spec says; None: its spec has the published tensors.
        branches: name → what takes one of several files out of it; none: it is one file.
        plain: for `convert --plain`; None: `graph` changes nothing.
        sizes: of the free axes: what is traced, then an awkward size; both are compared with torch.
        ranges: of its float inputs, where it is not 0…1.
    """

    build: Callable[[], nn.Module]
    graph: Callable[[nn.Module, ModelSpec], nn.Module] | None = None
    branches: Mapping[str, Callable[[nn.Module], nn.Module]] = field(default_factory=dict)
    plain: Plain | None = None
    sizes: tuple[Sizes, Sizes] = ONE_AND_THREE
    ranges: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the toolchain knows of one network, beside its spec.

    Attributes:
        inputs: its spec, scenes and its fp32 file → what it is calibrated and compared on.
        gate: its spec, the threshold, inputs, outputs of fp32 and of a smaller file → what the smaller one is worth.
        role, kind: of its spec; a spec of somebody's own, of the same role and kind, is treated alike.
        counted: sizes of its free axes at which multiply-adds are counted.
        published: the architecture; None: `training` makes it.
        aliases: other names of it on the command line.
    """

    inputs: Callable[[ModelSpec, Sequence[Scene], Path], Iterator[Arrays]]
    gate: Callable[[ModelSpec, float, Sequence[Arrays], Sequence[Arrays], Sequence[Arrays]], Verdict]
    role: str
    kind: str = ""
    counted: Sizes = field(default_factory=dict)
    published: Published | None = None
    aliases: tuple[str, ...] = ()


S3FD = Published(
    build=S3fd,
    graph=graphs.DetectGraph,
    plain=Plain(
        inputs=IMAGE,
        outputs={
            f"head{i}": ("batch", 4 if i % 2 else 2, f"height{i // 2}", f"width{i // 2}") for i in range(12)
        },
        image_range=(-120.0, 140.0),
    ),
    sizes=({"batch": 1, "height": 128, "width": 160}, {"batch": 2, "height": 97, "width": 131}),
)
WAV2LIP = Published(
    build=Wav2Lip,
    graph=graphs.LipsGraph,
    plain=Plain(
        inputs={"mel": ("batch", 1, 80, 16), "face": ("batch", 6, 96, 96)},
        outputs={"out": ("batch", 3, 96, 96)},
    ),
    ranges={"mel": (-4.0, 4.0)},
)
BISENET = Published(
    build=BiSeNet,
    graph=graphs.SegmentGraph,
    plain=Plain(inputs=IMAGE, outputs={"logits": ("batch", 19, "height", "width")}, image_range=(-2.0, 2.0)),
    sizes=({"batch": 1, "height": 512, "width": 512}, {"batch": 2, "height": 96, "width": 64}),
)
RRDBNET = Published(
    build=RRDBNet,
    graph=graphs.EnhanceGraph,
    plain=Plain(inputs=IMAGE, outputs={"out": ("batch", 3, "height_out", "width_out")}),
    sizes=({"batch": 1, "height": 16, "width": 24}, {"batch": 2, "height": 11, "width": 14}),
)
SYNCNET_COLOR = Published(build=SyncNetColor, ranges={"mel": (-4.0, 4.0)})
SYNCNET_V2 = Published(
    build=SyncNetV2,
    branches={"audio": AudioBranch, "lip": LipBranch},
    ranges={"mfcc": (-20.0, 20.0), "lip": (0.0, 255.0)},
)

TABLE: dict[str, Entry] = {
    "wav2lip": Entry(
        role="lips",
        kind="image",
        inputs=calibration.faces_and_mels,
        gate=gates.pictures,
        published=WAV2LIP,
    ),
    "s3fd": Entry(
        role="detect",
        inputs=calibration.frames,
        gate=gates.boxes,
        counted={"height": 360, "width": 640},
        published=S3FD,
    ),
    "bisenet": Entry(
        role="segment", kind="labels", inputs=calibration.faces, gate=gates.regions, published=BISENET
    ),
    "rrdbnet": Entry(
        role="enhance",
        inputs=calibration.mouths,
        gate=gates.pictures,
        counted={"height": 96, "width": 96},
        published=RRDBNET,
    ),
    "syncnet_color": Entry(
        role="sync", inputs=calibration.windows, gate=gates.embeddings, published=SYNCNET_COLOR
    ),
    "syncnet_v2": Entry(
        role="sync",
        inputs=calibration.windows,
        gate=gates.embeddings,
        published=SYNCNET_V2,
        aliases=("syncnet",),
    ),
    "edge_detect": Entry(
        role="detect", inputs=calibration.frames, gate=gates.boxes, counted={"height": 192, "width": 320}
    ),
    "edge_segment": Entry(role="segment", kind="regions", inputs=calibration.faces, gate=gates.regions),
    "edge_landmarks": Entry(role="landmarks", inputs=calibration.faces, gate=gates.landmarks),
    "edge_identity": Entry(role="identity", inputs=calibration.faces, gate=gates.embeddings),
    "edge_lips": Entry(role="lips", kind="warp", inputs=calibration.faces_and_mels, gate=gates.warps),
    "edge_voice": Entry(role="voice", inputs=calibration.mels, gate=gates.coefficients),
    "edge_enhance": Entry(
        role="enhance", inputs=calibration.mouths, gate=gates.pictures, counted={"height": 64, "width": 80}
    ),
}


def entry_of(spec: ModelSpec) -> Entry:
    """Return a spec's entry, or that of a network of its role and kind."""
    own = TABLE.get(spec.name.partition(".")[0])
    same = (one for one in TABLE.values() if (one.role, one.kind) == (spec.role, spec.kind))
    found = own or next(same, None)
    if found is None:
        kinds = sorted({f"{one.role} {one.kind}".strip() for one in TABLE.values()})
        raise UsageError(
            expected=f"a spec of one of the kinds {', '.join(kinds)}",
            got=f"{spec.name}: {spec.role} {spec.kind}",
        )
    return found


def published_names() -> list[str]:
    """Return the names of the published architectures."""
    return [name for name, entry in TABLE.items() if entry.published is not None]


def published(name: str) -> Published:
    """Return a published architecture by its name.

    Raises:
        UsageError: there is none of this name.
    """
    entry = TABLE.get(name)
    if entry is None or entry.published is None:
        raise UsageError(expected=f"one of {', '.join(published_names())}, auto", got=repr(name))
    return entry.published


def unaliased(name: str) -> str:
    """Return what a network is called in the table."""
    return next((key for key, entry in TABLE.items() if name in entry.aliases), name)


def feeds(spec: ModelSpec, scenes: Sequence[Scene], fp32: Path) -> Iterator[Arrays]:
    """Yield a network's inputs for each scene, batch 1, exactly as the runtime would cut them."""
    yield from entry_of(spec).inputs(spec, scenes, fp32)


def evaluate_gate(
    spec: ModelSpec, precision: str, inputs: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """Compare outputs with those of fp32.

    Args:
        spec: its [gate] says how much is enough.
        precision: "fp16" or "int8"; anything else is held to what int8 must keep.
        inputs: what both were fed, batch 1 each.
        want: outputs of fp32.
        got: outputs of the smaller file.
    """
    if not all(np.isfinite(a).all() for out in got for a in out.values() if a.dtype.kind == "f"):
        return Verdict({spec.gate.metric: float("nan")}, -float("inf"))
    threshold = spec.gate.fp16 if precision == "fp16" else spec.gate.int8
    return entry_of(spec).gate(spec, threshold, inputs, want, got)
