"""A preset says which networks work together and how; presets are TOML files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lipsync_edge.errors import UsageError
from lipsync_edge.toml_reader import read_toml, tuples

PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One way to run the pipeline.

    Attributes:
        name: what `--preset` takes.
        description: one line for people.
        detect: card of the face detector.
        lips: card of the lip network.
        segment: card of the face parser, or "" for none.
        enhance: card of the enhancer, or "" for none.
        voice: card of the audio encoder, or "" for none.
        landmarks: card of the landmark network, or "" for none; with both, own mouths are taken from other frames.
        identity: card of the network that tells people apart, or "": a grey patch does.
        style: "soft": our feathered blending; "reference": the steps of the published code, rounding included.
        tracking: "smooth": detect now and then, smooth without lag; "reference": every frame, mean of five.
        detect_every: frames between two detections.
        detect_side: long side of the picture the detector sees, in pixels; 0 is the frame itself.
        pads: top, bottom, left, right, in frame pixels, added to the face box.
        vad: whether silence closes (warp) or keeps (image) the mouth.
        batch: frames per call of the networks in offline runs.
    """

    name: str
    description: str
    detect: str
    lips: str
    segment: str = ""
    enhance: str = ""
    voice: str = ""
    landmarks: str = ""
    identity: str = ""
    style: Literal["soft", "reference"] = "soft"
    tracking: Literal["smooth", "reference"] = "smooth"
    detect_every: int = 4
    detect_side: int = 320
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    vad: bool = True
    batch: int = 4

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the cards it needs, in the order of the pipeline."""
        stages = (
            self.detect,
            self.identity,
            self.voice,
            self.landmarks,
            self.lips,
            self.enhance,
            self.segment,
        )
        return tuple(name for name in stages if name)


def preset_names() -> list[str]:
    """Return the names of all presets, sorted."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load_preset(name: str) -> Preset:
    """Read a preset by name; UsageError lists the known ones when there is no such preset."""
    if name not in preset_names():
        raise UsageError(expected=f"a preset out of {', '.join(preset_names())}", got=repr(name))
    return Preset(name=name, **tuples(read_toml(PRESETS / f"{name}.toml")))
