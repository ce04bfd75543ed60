"""What comes out of a live stream."""

from __future__ import annotations

import time as clock
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from lipsync_edge.pipeline.picture import Picture
from lipsync_edge.types import U8

REMEMBERED = 512  # compute times kept for health

State = Literal["speech", "silence", "idle"]
Event = Literal["", "speech_start", "speech_end"]


@dataclass(frozen=True, slots=True, eq=False)
class StreamFrame:
    """One finished frame.

    Attributes:
        index: number of the frame since the stream began (or was reset).
        time: index / fps, in seconds.
        picture: the picture, in the forms that outputs ask for.
        state: "speech" or "silence" inside an utterance, "idle" outside.
        event: "speech_start" or "speech_end" when the state became or was "speech", else "".
        utterance: number of the utterance it belongs to, or the last one when idle; 0 before the first.
        compute_ms: time it took to make, in milliseconds.
    """

    index: int
    time: Fraction
    picture: Picture
    state: State
    event: Event
    utterance: int
    compute_ms: float

    @property
    def image_bgr(self) -> U8:
        """The whole picture, uint8 (H, W, 3); not to be written to."""
        return self.picture.image_bgr


@dataclass(frozen=True, slots=True)
class Health:
    """How a stream does.

    Attributes:
        frames: frames made since the stream was opened.
        pending_audio_s: seconds of sound pushed whose frames were not given yet, the look-ahead included.
        compute_p50_ms: median time of the last 512 frames, in milliseconds; 0 before the first.
        compute_p95_ms: 95th percentile of the same.
        last_frame_age_s: seconds since the last frame was made, or since opening.
        interrupts: how often it was interrupted or reset.
        error: what ended the stream, or "".
        closed: whether it was closed.
        device: where the networks run.
    """

    frames: int
    pending_audio_s: float
    compute_p50_ms: float
    compute_p95_ms: float
    last_frame_age_s: float
    interrupts: int
    error: str
    closed: bool
    device: str


class Meter:
    """Counts frames and how long they took."""

    def __init__(self) -> None:
        self.frames = 0
        self._times_ms: deque[float] = deque(maxlen=REMEMBERED)
        self._last = clock.monotonic()

    def add(self, took_ms: float) -> None:
        """Count a frame that took so long, in milliseconds."""
        self.frames += 1
        self._times_ms.append(took_ms)
        self._last = clock.monotonic()

    @property
    def age_s(self) -> float:
        """Seconds since the last frame, or since the beginning."""
        return clock.monotonic() - self._last

    def percentile_ms(self, percent: float) -> float:
        """Return the percentile of the last frames' times in milliseconds; 0 before the first."""
        times = list(self._times_ms)
        return float(np.percentile(times, percent)) if times else 0.0
