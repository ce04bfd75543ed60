"""A card says what a network eats and gives: the one source of truth of `export/` and of the runtime.

Cards are TOML files, written by hand. Facts that a machine measured (size, error, sha256) stand in
`manifest.json` beside the ONNX files instead.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from lipsync_edge.errors import ModelError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CARDS = Path(__file__).parent / "cards"
ROLES = ("detect", "lips", "segment", "enhance", "sync", "landmarks")
GRAPH_FIELDS = (
    "name",
    "role",
    "kind",
    "crop",
    "inputs",
    "outputs",
    "normalise",
    "audio",
    "detect",
    "segment",
)
LATER_FIELDS = ("warp",)  # in the digest only where a card has them, so that the digests of older cards hold
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
    """How mel columns pair with frames: a frame at time t eats mel[:, s : s + columns], s = int(80·t) + offset.

    Attributes:
        columns: width of the window, in columns of 1/80 s.
        offset: columns added to the start; −columns/2 centres the window on the frame.
        tail: "last": past the end the last columns are used, once, and the video ends there (the published
            rule); "pad": missing columns are silence (−4) and the video lasts as long as the audio.
    """

    columns: int = 16
    offset: int = 0
    tail: Literal["last", "pad"] = "last"

    @property
    def lookahead_ms(self) -> float:
        """Audio after the frame's own time that must have arrived, in ms: the window plus half an STFT frame."""
        return max(0.0, (self.columns + self.offset) * 12.5 + 12.5)


@dataclass(frozen=True, slots=True)
class DetectHead:
    """How a detector's head is decoded (SSD): one prior a cell, centre (stride/2 + i·stride), side in input pixels."""

    strides: tuple[int, ...]
    sides: tuple[float, ...]
    variances: tuple[float, float] = (0.1, 0.2)
    score_threshold: float = 0.5
    nms_iou: float = 0.3
    landmarks: bool = False


@dataclass(frozen=True, slots=True)
class SegmentClasses:
    """Class names in the order of the output, and which of them the made mouth may replace."""

    classes: tuple[str, ...]
    paste: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WarpHead:
    """Where `mask` and `paint` of a warp network lie: left, top, right, bottom as parts of the crop."""

    window: Window = WHOLE_CROP


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
class ModelCard:
    """What one network is, eats and gives; see the fields' own types."""

    name: str
    role: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    kind: str = ""
    crop: str = "box"
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
    quant: QuantPlan = field(default_factory=QuantPlan)
    gate: Gate = field(default_factory=Gate)

    def digest(self) -> str:
        """Return the sha256 (hex) of the fields that the graph depends on; origin, notes and gates are left out."""
        whole = asdict(self)
        fields = (*GRAPH_FIELDS, *(key for key in LATER_FIELDS if whole[key] is not None))
        text = json.dumps({key: whole[key] for key in fields}, sort_keys=True, separators=(",", ":"))
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


def load_card(name: str, folder: Path | None = None) -> ModelCard:
    """Read `NAME.toml` from `folder` when it is there, else from the package's own cards.

    Raises:
        ModelError: no such card, not TOML, or a field that is missing or unknown.
    """
    places = ([folder] if folder else []) + [CARDS]
    path = next((p / f"{name}.toml" for p in places if (p / f"{name}.toml").is_file()), None)
    if path is None:
        known = ", ".join(sorted(p.stem for p in CARDS.glob("*.toml")))
        raise ModelError(expected="the name of a model card", got=repr(name), fix=f"known cards: {known}")
    try:
        return parse_card(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, KeyError, ValueError) as error:
        raise ModelError(
            expected=f"a valid model card in {path.name}", got=f"{type(error).__name__}: {error}"
        ) from error


def parse_card(table: dict[str, Any]) -> ModelCard:
    """Turn a parsed TOML table into a card; TypeError, KeyError or ValueError say what is wrong."""
    rest = dict(table)
    parts: dict[str, Any] = {
        side: tuple(_tensor(t) for t in rest.pop(side)) for side in ("inputs", "outputs")
    }
    tables = {
        "normalise": Normalise,
        "audio": AudioWindow,
        "detect": DetectHead,
        "segment": SegmentClasses,
        "warp": WarpHead,
        "quant": QuantPlan,
        "gate": Gate,
    }
    for key, kind in tables.items():
        if key in rest:
            parts[key] = kind(**_frozen(rest.pop(key)))
    if isinstance(parts.get("segment"), SegmentClasses):
        parts["segment"] = _paste_indices(parts["segment"])
    card = ModelCard(**parts, **rest)
    if card.role not in ROLES:
        raise ValueError(f"role must be one of {ROLES}, not {card.role!r}")
    return card


def _tensor(table: dict[str, Any]) -> TensorSpec:
    return TensorSpec(**_frozen(table))


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _paste_indices(segment: SegmentClasses) -> SegmentClasses:
    """Let a card name the classes that may be replaced, by name or by index."""
    paste = tuple(segment.classes.index(c) if isinstance(c, str) else c for c in segment.paste)
    return SegmentClasses(segment.classes, paste)
