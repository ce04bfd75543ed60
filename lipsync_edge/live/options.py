"""Options of a live session, and of `lipsync-edge live`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lipsync_edge.choices import Label, LiveFormat
from lipsync_edge.errors import UsageError
from lipsync_edge.mark.label import USUAL, check_label
from lipsync_edge.mark.options import MarkOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a live session runs.

    Attributes:
        rate: samples a second of the sound; the stream's.
        realtime: pace by the clock and live on without sound; else as fast as the sink takes it, speech only.
        gap_s: seconds without sound after which an utterance counts as over, when nobody said so.
        buffer_s: seconds of sound that may wait.
    """

    rate: int = 16_000
    realtime: bool = True
    gap_s: float = 0.5
    buffer_s: float = 10.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.gap_s <= 0 or self.buffer_s <= 0:
            raise UsageError(expected="gap_s and buffer_s above 0", got=f"{self.gap_s} and {self.buffer_s}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """What `live` was told about sound and output; the names are those of the long options.

    The avatar and the engine are in the stream that it runs with.

    Attributes:
        audio: "-" (int16 mono PCM on stdin), "mic", or a sound file.
        out: "-", "window", "virtualcam", a file or a URL.
        format: what is written; None goes by the name.
        rate: samples a second of stdin and the microphone, and of the sound that comes out.
        realtime: pace by the sample clock.
        gap_ms: pause in the sound after which an utterance counts as over, in milliseconds.
        watchdog_s: end the process when the session hangs for so many seconds; 0 does not.
        face: file that the avatar comes from, for the marks; None: not told.
        mark: how the output is marked as made with AI.
        label: corner of a small visible "AI", or "none".
        label_size: its height in percent of the picture's shorter side.
    """

    audio: str = "-"
    out: str = "-"
    format: LiveFormat | None = None
    rate: int = 16_000
    realtime: bool = False
    gap_ms: int = 500
    watchdog_s: float = 0.0
    face: Path | None = None
    mark: MarkOptions = field(default_factory=MarkOptions)
    label: Label = "none"
    label_size: float = USUAL

    def __post_init__(self) -> None:
        """Check the label."""
        check_label(self.label, self.label_size)
