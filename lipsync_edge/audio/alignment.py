"""Which mel columns belong to which frame: every line of frame-rate arithmetic stands here.

Times are Fractions of a second, so that nothing drifts: a frame at time t of the sound eats
``mel[:, s : s + columns]`` with ``s = int(80 * t) + offset``. The published code computes ``int(i * (80.0 / fps))`` in
floating point; that is the same number at 24, 25, 29.97, 30, 50, 59.94 and 60 fps, and one column (12.5 ms) less at
164 of the first 200 000 frames of 23.976 fps, where rounding took it below a whole number.

A file and a live stream use the same `FeatureStream`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Literal

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.mel import BANDS, COLUMNS_PER_SECOND, FLOOR, HOP, SAMPLE_RATE, WINDOW, MelStream
from lipsync_edge.audio.mono import MonoMix
from lipsync_edge.audio.resample import Resampler
from lipsync_edge.audio.vad import VadOptions, VoiceActivityDetector, fade_in
from lipsync_edge.errors import ModelError
from lipsync_edge.models.spec import AudioWindow
from lipsync_edge.types import F32, Frame

State = Literal["wait", "ready", "end"]


FRONT_ENDS: dict[str, Callable[[], MelStream]] = {"mel80": MelStream}  # by the names that specs use


def front_end(audio: AudioWindow) -> MelStream:
    """Return a fresh front end, which turns sound into the columns that a lip network hears.

    Raises:
        ModelError: the spec names one that is not there; the known ones are listed.
    """
    if audio.front_end not in FRONT_ENDS:
        raise ModelError(
            expected=f"an audio front end out of {', '.join(FRONT_ENDS)}",
            got=repr(audio.front_end),
            fix="a newer lipsync-edge may know it",
        )
    return FRONT_ENDS[audio.front_end]()


def window_start(time: Fraction, offset: int = 0) -> int:
    """First mel column of a frame at `time` seconds of the sound; may be negative or past the end."""
    return int(COLUMNS_PER_SECOND * time) + offset


def frame_time(index: int, fps: Fraction) -> Fraction:
    """Presentation time in seconds of frame `index` at a constant rate."""
    return Fraction(index) / fps


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """How many frames cover a sound of `duration` seconds: ceil(duration * fps), each beginning before its end."""
    return ceil(duration * fps)


def samples_needed(time: Fraction, audio: AudioWindow) -> int:
    """16 kHz samples that must have arrived before the window of a frame at `time` seconds is complete."""
    last_column = window_start(time, audio.offset) + audio.columns - 1
    return max(0, last_column * HOP + WINDOW // 2 + (1 if last_column == 0 else 0))


@dataclass(frozen=True, slots=True, eq=False)
class FeatureWindow:
    """What one frame hears.

    Attributes:
        features: float32 (80, T), -4 to 4; columns before the first and after the last sound are -4.
        gain: 0 (silence) to 1 (speech).
    """

    features: F32
    gain: float

    @classmethod
    def silence(cls, columns: int) -> FeatureWindow:
        """Return a window of silence."""
        return cls(np.full((BANDS, columns), FLOOR, np.float32), 0.0)

    def faded(self, left: float) -> FeatureWindow:
        """Return the window with only the part `left`, 0 to 1, of what is above silence."""
        mel = FLOOR + (self.features - np.float32(FLOOR)) * np.float32(left)
        return FeatureWindow(mel.astype(np.float32), self.gain * left)


class FeatureStream:
    """Sound in, pieces of any size; mel windows of frames out, asked for in order of time.

    Args:
        audio: the lips card's [audio] table.
        rate: input samples a second.
        vad: how silence is told from speech, or None: every gain is 1 and the mel is left as it is.
        blend_mel: whether the VAD also turns the columns of silence into -4 (warp cards, which learnt that
            silence closes the mouth).
    """

    def __init__(
        self,
        audio: AudioWindow,
        *,
        rate: int = SAMPLE_RATE,
        vad: VadOptions | None = None,
        blend_mel: bool = False,
    ) -> None:
        self.audio = audio
        self.rate = rate
        self._blend_mel = blend_mel
        self._fade_columns = vad.fade_columns if vad else 1.0
        self._mono = MonoMix(rate)
        self._resampler = Resampler(rate)
        self._mel = front_end(audio)
        self._vad = VoiceActivityDetector(vad) if vad else None
        self.reset()

    def reset(self) -> None:
        """Forget every sample; the next push begins a new sound at time 0."""
        self._mono.reset()
        self._resampler.reset()
        self._mel.reset()
        if self._vad:
            self._vad.reset()
        self._columns: F32 = np.zeros((BANDS, 0), np.float32)  # from column _first on
        self._gains: F32 = np.zeros(0, np.float32)
        self._first = 0
        self._samples_in = 0
        self._ended = False
        self._tail_given = False

    @property
    def duration(self) -> Fraction:
        """Seconds of sound pushed so far."""
        return Fraction(self._samples_in, self.rate)

    @property
    def ended(self) -> bool:
        """Whether `end` was called."""
        return self._ended

    @property
    def lookahead(self) -> Fraction:
        """Most seconds of sound after a frame's own time that its window may need."""
        columns = Fraction(
            max(0, (self.audio.columns + self.audio.offset) * HOP + WINDOW // 2 - HOP), SAMPLE_RATE
        )
        return columns + Fraction(self._resampler.lookahead, self.rate)

    def push(self, pcm: npt.ArrayLike) -> None:
        """Take sound, int16 or float32 (n,), or (n, channels), which are mixed to one; n from 0."""
        samples = self._mono.push(pcm)
        self._samples_in += len(samples)
        self._store(self._mel.push(self._resampler.push(samples)))

    def end(self) -> None:
        """Say that the sound is over: the frames up to its end become ready."""
        if self._ended:
            return
        self._ended = True
        self._store(self._mel.push(self._resampler.flush()))
        self._store(self._mel.flush())

    def state(self, time: Fraction) -> State:
        """Whether the window of a frame at `time` waits for sound, is ready, or lies behind the end of the video.

        Tail "pad": the video has every frame that begins before the sound ends. Tail "last" (published): the first
        frame whose window passes the end takes the last columns instead, and is the last frame.
        """
        complete = window_start(time, self.audio.offset) + self.audio.columns <= self._end
        if self.audio.tail == "last":
            if not self._ended:
                return "ready" if complete else "wait"
            return "ready" if complete or not (self._tail_given or self._end == 0) else "end"
        if time < self.duration:
            return "ready" if complete or self._ended else "wait"
        return "end" if self._ended else "wait"

    def window(self, time: Fraction) -> FeatureWindow:
        """Give the window of a frame at `time`, which must be ready; columns before it are forgotten."""
        if self.state(time) != "ready":
            raise ValueError(f"the window of the frame at {float(time):.3f} s is not ready")
        start = window_start(time, self.audio.offset)
        past_end = start + self.audio.columns > self._end
        if past_end and self.audio.tail == "last":
            self._tail_given = True
            start = self._end - self.audio.columns
        mel = np.full((BANDS, self.audio.columns), FLOOR, np.float32)
        gains = np.zeros(self.audio.columns, np.float32)
        low, high = max(start, self._first), min(start + self.audio.columns, self._end)
        if low < high:
            mel[:, low - start : high - start] = self._columns[:, low - self._first : high - self._first]
            gains[low - start : high - start] = self._gains[low - self._first : high - self._first]
        self._forget(start)
        own = min(max(window_start(time) - start, 0), self.audio.columns - 1)
        return FeatureWindow(mel, fade_in(gains[own:], self._fade_columns) if self._vad else 1.0)

    @property
    def _end(self) -> int:
        return self._first + int(self._columns.shape[1])

    def _store(self, mel: F32) -> None:
        if not mel.shape[1]:
            return
        gains = self._vad.push(mel) if self._vad else np.ones(mel.shape[1], np.float32)
        if self._blend_mel and self._vad:
            mel = (FLOOR + (mel - np.float32(FLOOR)) * gains).astype(np.float32)
        self._columns = np.concatenate([self._columns, mel], axis=1)
        self._gains = np.concatenate([self._gains, gains])

    def _forget(self, start: int) -> None:
        # the published tail may step back by a window, so a window more is kept
        drop = min(start - self.audio.columns - self._first, self._columns.shape[1])
        if drop > 4 * self.audio.columns:
            self._columns, self._gains = self._columns[:, drop:].copy(), self._gains[drop:].copy()
            self._first += drop


def pair(frames: Iterable[Frame], sound: Iterable[npt.ArrayLike], stream: FeatureStream) -> Iterator[Frame]:
    """Lay one voice on the faces of frames, whose times count from the start of the sound.

    Sound is only read as far as the next frame needs it. The frames end with the sound or with those that are given,
    whichever is first; they are numbered anew from 0.

    Args:
        frames: frames in order of time.
        sound: pieces of sound at `stream.rate`, int16 or float32 (n,) or (n, channels).
        stream: a fresh `FeatureStream`.
    """
    pieces = iter(sound)
    for index, frame in enumerate(frames):
        while stream.state(frame.time) == "wait":
            piece = next(pieces, None)
            if piece is None:
                stream.end()
            else:
                stream.push(piece)
        if stream.state(frame.time) == "end":
            return
        heard = stream.window(frame.time)
        yield replace(frame, index=index).hearing(heard.features, heard.gain)
