"""What a show tells about itself."""

from __future__ import annotations

from dataclasses import dataclass

from lipsync_edge.pipeline.frame import Health


@dataclass(frozen=True, slots=True)
class SessionHealth:
    """How a show does.

    Attributes:
        slots: slots that have passed.
        dropped: pictures dropped because they were late.
        starved: slots in which an utterance waited for its sound.
        beat_age_s: seconds since the show's thread last turned; grows when something hangs.
        waiting_audio_s: seconds of sound not yet taken.
        seconds: since the show was made.
        rss_bytes: memory of the process, or 0 where that is not known.
        on_air: whether `run` is running.
        stream: how the stream does.
    """

    slots: int
    dropped: int
    starved: int
    beat_age_s: float
    waiting_audio_s: float
    seconds: float
    rss_bytes: int
    on_air: bool
    stream: Health
