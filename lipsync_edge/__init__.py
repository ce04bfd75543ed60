"""Lip sync on ordinary hardware: a face and a voice in, a video whose mouth says those words out.

    import lipsync_edge as le

    engine = le.load(preset="lite")
    result = engine.run("face.mp4", "speech.wav", "out.mp4")

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lipsync_edge.engine import Engine, load
    from lipsync_edge.errors import (
        DeviceError,
        InputError,
        LipsyncError,
        ManifestError,
        ModelError,
        NoAudioError,
        NoFaceError,
        NoVideoError,
        OutputError,
        UsageError,
    )
    from lipsync_edge.mark.apply import MarkReport
    from lipsync_edge.mark.check import MarkCheck, check_marks
    from lipsync_edge.mark.options import MarkOptions
    from lipsync_edge.models.preset import Preset
    from lipsync_edge.pipeline.avatar import Avatar, load_avatar
    from lipsync_edge.pipeline.frame import StreamFrame
    from lipsync_edge.pipeline.result import PersonResult, RunResult
    from lipsync_edge.pipeline.run_options import RunOptions
    from lipsync_edge.pipeline.stream import Stream
    from lipsync_edge.types import Boxes, Face, Frame, Rendered

    __version__: str

_HOMES = {
    "engine": ("Engine", "load"),
    "errors": (
        "DeviceError",
        "InputError",
        "LipsyncError",
        "ManifestError",
        "ModelError",
        "NoAudioError",
        "NoFaceError",
        "NoVideoError",
        "OutputError",
        "UsageError",
    ),
    "mark.apply": ("MarkReport",),
    "mark.check": ("MarkCheck", "check_marks"),
    "mark.options": ("MarkOptions",),
    "models.preset": ("Preset",),
    "pipeline.avatar": ("Avatar", "load_avatar"),
    "pipeline.frame": ("StreamFrame",),
    "pipeline.run_options": ("RunOptions",),
    "pipeline.result": ("PersonResult", "RunResult"),
    "pipeline.stream": ("Stream",),
    "types": ("Boxes", "Face", "Frame", "Rendered"),
}

__all__ = [
    "Avatar",
    "Boxes",
    "DeviceError",
    "Engine",
    "Face",
    "Frame",
    "InputError",
    "LipsyncError",
    "ManifestError",
    "MarkCheck",
    "MarkOptions",
    "MarkReport",
    "ModelError",
    "NoAudioError",
    "NoFaceError",
    "NoVideoError",
    "OutputError",
    "PersonResult",
    "Preset",
    "Rendered",
    "RunOptions",
    "RunResult",
    "Stream",
    "StreamFrame",
    "UsageError",
    "check_marks",
    "load",
    "load_avatar",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its room; `__version__` is that of the installed package."""
    if name == "__version__":
        from importlib.metadata import version

        globals()[name] = found = version("lipsync-edge")
        return found
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(f"lipsync_edge.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
