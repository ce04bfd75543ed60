"""Which engine is loaded: one checked value that `load`, every command, live sessions and the server share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lipsync_edge.choices import PRECISIONS
from lipsync_edge.errors import UsageError
from lipsync_edge.models.devices import AUTO, find_device
from lipsync_edge.models.preset import Preset, load_preset


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Networks and where they run; the names are those of the long options.

    Attributes:
        preset: a name of `preset_names()`, or a `Preset` of your own.
        device: "auto", which alone may fall back, or a name of `lipsync_edge.models.devices.DEVICES`.
        precision: "auto", "fp32", "fp16" or "int8".
        threads: threads that one network call may use, from 1; None leaves it to the runtime.
        models: folder with the user's own converted models; the bundled ones need none.
    """

    preset: str | Preset = "lite"
    device: str = AUTO
    precision: str = AUTO
    threads: int | None = None
    models: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what does not exist; UsageError says what does."""
        self.read_preset()
        if self.device != AUTO:
            find_device(self.device)
        if self.precision not in PRECISIONS:
            raise UsageError(expected=f"a precision out of {', '.join(PRECISIONS)}", got=repr(self.precision))
        if self.threads is not None and self.threads < 1:
            raise UsageError(expected="a thread count of at least 1", got=str(self.threads))

    def read_preset(self) -> Preset:
        """Return the preset itself."""
        return self.preset if isinstance(self.preset, Preset) else load_preset(self.preset)
