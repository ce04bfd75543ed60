"""Model spec: says what a network eats and gives; the one source of truth of `export/` and of the runtime.

Specs ("cards") are TOML files, written by hand. Facts that a machine measured (size, error, sha256) stand in
`manifest.json` beside the ONNX files instead.

A spec holds facts of three kinds. Graph facts (`GRAPH_FACTS`) are what the file computes and what its tensors mean:
only these are in the digest that ties a file to its card. Run-time facts (thresholds, the offset and tail of the
audio window, the classes that may be replaced, outputs that a file may lack) may change without a new file. The others
are for export and people.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from lipsync_edge.errors import ModelError
from lipsync_edge.field_types import check_fields
from lipsync_edge.toml_reader import read_toml, tuples

SPECS = Path(__file__).parent / "specs"
Role = Literal["detect", "identity", "landmarks", "voice", "lips", "segment", "enhance", "sync"]
ROLES: tuple[Role, ...] = get_args(Role)
Crop = Literal["box", "aligned"]
CROPS: tuple[Crop, ...] = get_args(Crop)

# Field → its graph facts, or () for all of them. A table that a card lacks is not in the digest.
GRAPH_FACTS: dict[str, tuple[str, ...]] = {
    "name": (),
    "role": (),
    "kind": (),
    "crop": (),
    "inputs": (),
    "outputs": (),
    "normalise": (),
    "audio": ("front_end", "columns"),
    "detect": ("strides", "sides", "variances", "landmarks"),
    "segment": ("classes",),
    "warp": (),
}
Window = tuple[float, float, float, float]
WHOLE_CROP: Window = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor of the graph: `axes` holds fixed sizes and the names of free axes, e.g. ("batch", 96, 96, 3)."""

    name: str
    dtype: str
    axes: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Normalise:
    """What happens to uint8 BGR inside the graph: reorder, then (x·scale − mean) / std per channel."""

    order: Literal["rgb", "bgr"] = "bgr"
    scale: float = 1.0 / 255.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class AudioWindow:
    """What a frame hears: a frame at time t eats features[:, s : s + columns], s = the column of t + offset.

    Attributes:
        columns: width of the window, in columns of the front end (of mel80: 1/80 s).
        offset: columns added to the start; −columns/2 centres the window on the frame. A run-time fact.
        tail: "last": past the end the last columns are used, once, and the video ends there (the published rule);
            "pad": missing columns are silence and the video lasts as long as the audio. A run-time fact.
        front_end: name of what turns sound into columns: "mel80", the 80 mel bands of `lipsync_edge.audio.mel`. Which
            names there are, `lipsync_edge.audio.front_end` says; it refuses the others when the network is loaded.
    """

    columns: int = 16
    offset: int = 0
    tail: Literal["last", "pad"] = "last"
    front_end: str = "mel80"


@dataclass(frozen=True, slots=True)
class DetectHead:
    """How a detector's head is decoded (SSD): one prior a cell, centre (stride/2 + i·stride), side in input pixels.

    `score_threshold` and `nms_iou` are run-time facts.
    """

    strides: tuple[int, ...]
    sides: tuple[float, ...]
    variances: tuple[float, float] = (0.1, 0.2)
    score_threshold: float = 0.5
    nms_iou: float = 0.3
    landmarks: bool = False


@dataclass(frozen=True, slots=True)
class SegmentClasses:
    """Class names in the order of the output, and which of them the made mouth may replace (a run-time fact)."""

    classes: tuple[str, ...]
    paste: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WarpHead:
    """Where `mask` and `paint` of a warp network lie: left, top, right, bottom as parts of the crop."""

    window: Window = WHOLE_CROP


@dataclass(frozen=True, slots=True)
class MouthShapes:
    """What one unit of each mouth coefficient means in eye distances, from the speaker's own shut mouth."""

    opening: tuple[float, ...]
    width: tuple[float, ...]
    jaw: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Above `same` two faces are one person's wherever they are, below `other` they are not; run-time facts."""

    same: float = 0.5
    other: float = 0.2


@dataclass(frozen=True, slots=True)
class QuantPlan:
    """How the int8 file is made: weight granularity, activation type, node-name parts that stay in float."""

    per_channel: bool = True
    activations: str = "uint8"
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """The task figure that a smaller file must keep: `metric` and the least value for fp16 and int8."""

    metric: str = "psnr"
    fp16: float = 40.0
    int8: float = 36.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What one network is, eats and gives; see the fields' own types.

    `extras` are outputs that a file may give besides `outputs`; one that lacks them works without what they say.
    """

    name: str
    role: Role
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    extras: tuple[TensorSpec, ...] = ()
    kind: str = ""
    crop: Crop = "box"
    opset: int = 17
    atol: float = 1e-4
    origin: str = ""
    licence: str = ""
    notes: str = ""
    normalise: Normalise = field(default_factory=Normalise)
    audio: AudioWindow | None = None
    detect: DetectHead | None = None
    segment: SegmentClasses | None = None
    warp: WarpHead | None = None
    shapes: MouthShapes | None = None
    identity: Likeness | None = None
    quant: QuantPlan = field(default_factory=QuantPlan)
    gate: Gate = field(default_factory=Gate)

    def digest(self) -> str:
        """Return the sha256 (hex) of the graph facts; see `GRAPH_FACTS`."""
        whole = asdict(self)
        facts = {
            key: {part: whole[key][part] for part in parts} if parts else whole[key]
            for key, parts in GRAPH_FACTS.items()
            if whole[key] is not None
        }
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def side(self, tensor: str) -> int:
        """Return the fixed height of an NHWC input, in pixels; ModelError when it is free or missing."""
        for spec in self.inputs:
            if spec.name == tensor and isinstance(spec.axes[1], int):
                return spec.axes[1]
        raise ModelError(
            expected=f"a fixed-size input {tensor!r} in card {self.name}",
            got=", ".join(f"{s.name}{s.axes}" for s in self.inputs),
        )


def load_spec(name: str, folder: Path | None = None) -> ModelSpec:
    """Read `NAME.toml` from `folder` when it is there, else from the package's own cards.

    Raises:
        ModelError: no such card, not TOML, or a field that is missing or unknown.
    """
    places = ([folder] if folder else []) + [SPECS]
    path = next((p / f"{name}.toml" for p in places if (p / f"{name}.toml").is_file()), None)
    if path is None:
        known = ", ".join(sorted(p.stem for p in SPECS.glob("*.toml")))
        raise ModelError(expected="the name of a model card", got=repr(name), fix=f"known cards: {known}")
    try:
        return parse_spec(read_toml(path))
    except (TypeError, KeyError, ValueError) as error:
        raise ModelError(
            expected=f"a valid model card in {path.name}", got=f"{type(error).__name__}: {error}"
        ) from error


def parse_spec(table: dict[str, Any]) -> ModelSpec:
    """Turn a parsed TOML table into a card; TypeError, KeyError or ValueError say what is wrong."""
    rest = dict(table)
    parts: dict[str, Any] = {
        side: tuple(_tensor(t) for t in rest.pop(side)) for side in ("inputs", "outputs")
    }
    parts["extras"] = tuple(_tensor(t) for t in rest.pop("extras", ()))
    tables = {
        "normalise": Normalise,
        "audio": AudioWindow,
        "detect": DetectHead,
        "segment": SegmentClasses,
        "warp": WarpHead,
        "shapes": MouthShapes,
        "identity": Likeness,
        "quant": QuantPlan,
        "gate": Gate,
    }
    for key, kind in tables.items():
        if key in rest:
            parts[key] = kind(**tuples(rest.pop(key)))
    if isinstance(parts.get("segment"), SegmentClasses):
        parts["segment"] = _paste_indices(parts["segment"])
    spec = ModelSpec(**parts, **rest)
    for part in (
        spec,
        *spec.inputs,
        *spec.outputs,
        *spec.extras,
        *(parts[key] for key in tables if key in parts),
    ):
        check_fields(part)
    if spec.role not in ROLES:
        raise ValueError(f"role must be one of {ROLES}, not {spec.role!r}")
    if spec.crop not in CROPS:
        raise ValueError(f"crop must be one of {CROPS}, not {spec.crop!r}")
    return spec


def _tensor(table: dict[str, Any]) -> TensorSpec:
    return TensorSpec(**tuples(table))


def _paste_indices(segment: SegmentClasses) -> SegmentClasses:
    """Let a card name the classes that may be replaced, by name or by index."""
    paste = tuple(segment.classes.index(c) if isinstance(c, str) else c for c in segment.paste)
    return SegmentClasses(segment.classes, paste)
