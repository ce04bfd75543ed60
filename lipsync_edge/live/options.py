"""Options of `lipsync-edge live`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """What `live` was told; the names are those of the long options.

    Attributes:
        avatar: a saved avatar, a video or a picture.
        audio: "-" (int16 mono PCM on stdin), "mic", or a sound file.
        out: "-", "window", a file or a URL.
        format: "raw", "ts" or "mp4"; "" goes by the name.
        rate: samples a second of stdin and the microphone, and of the sound that comes out.
        fps: frames a second; 0 takes the avatar's.
        realtime: pace by the sample clock.
        gap_ms: pause in the sound after which an utterance counts as over, in milliseconds.
        watchdog_s: end the process when the session hangs for so many seconds; 0 does not.
        preset: see `lipsync-edge run`; so are device, precision, threads and models.
        device: see above.
        precision: see above.
        threads: 0 leaves it to the runtime.
        models: folder, or "".
    """

    avatar: str = ""
    audio: str = "-"
    out: str = "-"
    format: str = ""
    rate: int = 16_000
    fps: float = 0.0
    realtime: bool = False
    gap_ms: int = 500
    watchdog_s: float = 0.0
    preset: str = "lite"
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    models: str = ""
