"""Options of a live session, and of `lipsync-edge live`."""

from __future__ import annotations

from dataclasses import dataclass

from lipsync_edge.choices import LiveFormat
from lipsync_edge.errors import UsageError


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
        out: "-", "window", a file or a URL.
        format: what is written; None goes by the name.
        rate: samples a second of stdin and the microphone, and of the sound that comes out.
        realtime: pace by the sample clock.
        gap_ms: pause in the sound after which an utterance counts as over, in milliseconds.
        watchdog_s: end the process when the session hangs for so many seconds; 0 does not.
    """

    audio: str = "-"
    out: str = "-"
    format: LiveFormat | None = None
    rate: int = 16_000
    realtime: bool = False
    gap_ms: int = 500
    watchdog_s: float = 0.0
