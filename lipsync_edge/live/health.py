"""Health report of a live session."""

from __future__ import annotations

from dataclasses import dataclass

from lipsync_edge.pipeline.frame import Health


@dataclass(frozen=True, slots=True)
class SessionHealth:
    """How a session does.

    Attributes:
        slots: slots that have passed.
        dropped: pictures dropped because they were late.
        starved: slots in which an utterance waited for its sound.
        heartbeat_age_s: seconds since the render thread last turned; grows when something hangs.
        queued_audio_s: seconds of sound not yet taken.
        uptime_s: seconds since the session was made.
        rss_bytes: memory of the process, or 0 where that is not known.
        running: whether `run` is running.
        stream: how the stream does.
    """

    slots: int
    dropped: int
    starved: int
    heartbeat_age_s: float
    queued_audio_s: float
    uptime_s: float
    rss_bytes: int
    running: bool
    stream: Health
