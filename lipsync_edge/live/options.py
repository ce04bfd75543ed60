"""Options of `lipsync-edge live`."""

from __future__ import annotations

from dataclasses import dataclass

from lipsync_edge.choices import LiveFormat


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
