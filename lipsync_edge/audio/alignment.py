"""Which columns of the front end belong to which frame.

Times are Fractions of a second, so that nothing drifts: a frame at time t of the sound eats
``features[:, s : s + columns]`` with ``s = front_end.column(t) + offset``, of mel80 ``int(80 * t) + offset``. The
published code computes ``int(i * (80.0 / fps))`` in floating point; that is the same number at 24, 25, 29.97, 30, 50,
59.94 and 60 fps, and one column (12.5 ms) less at 164 of the first 200 000 frames of 23.976 fps, where rounding took
it below a whole number.

A file and a live stream use the same `FeatureStream`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Literal

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.front_end import FrontEnd, front_end
from lipsync_edge.audio.mono import MonoMix
from lipsync_edge.audio.resample import Resampler
from lipsync_edge.audio.vad import VadOptions, VoiceActivityDetector, fade_in
from lipsync_edge.models.spec import AudioWindow
from lipsync_edge.types import F32, Frame

State = Literal["wait", "ready", "end"]


def frame_time(index: int, fps: Fraction) -> Fraction:
    """Return the presentation time in seconds of frame `index` at a constant rate."""
    return Fraction(index) / fps


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Return how many frames cover `duration` seconds of sound: ceil(duration * fps), each beginning before its end."""
    return ceil(duration * fps)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureWindow:
    """What one frame hears.

    Attributes:
        features: float32 (bands, columns) of the front end, of mel80 (80, T), -4 to 4; before the first and after the
            last sound they are silence.
        gain: 0 (silence) to 1 (speech).
        silence: value of every feature where nothing is heard.
        first: number of its first column in the sound.
    """

    features: F32
    gain: float
    silence: float
    first: int = 0

    @classmethod
    def silent(cls, audio: AudioWindow) -> FeatureWindow:
        """Return a window of silence."""
        front = front_end(audio)
        return cls(front.silent(audio.columns), 0.0, front.silence)

    def faded(self, left: float) -> FeatureWindow:
        """Return the window with only the part `left`, 0 to 1, of what differs from silence."""
        return replace(self, features=_faded(self.features, left, self.silence), gain=self.gain * left)

    def masked(self, gains: F32, gain: float) -> FeatureWindow:
        """Return the window with only a part of each column, float32 (columns,) 0 to 1, and `gain` times its gain."""
        return replace(self, features=_faded(self.features, gains, self.silence), gain=self.gain * gain)


def _faded(features: F32, left: float | F32, silence: float) -> F32:
    """Return features of which only the part `left`, 0 to 1, a column or all, of what differs from silence is left."""
    return (silence + (features - np.float32(silence)) * np.asarray(left, np.float32)).astype(np.float32)


class FeatureStream:
    """Sound in, pieces of any size; feature windows of frames out, asked for in order of time.

    Args:
        audio: the lips card's [audio] table.
        rate: input samples a second; without it the front end's own.
        vad: how silence is told from speech, or None: every gain is 1 and the features are left as they are.
        blend: whether the VAD also fades the columns of a silence that is not quite silent (warp cards, which learnt
            that silence closes the mouth).
    """

    def __init__(
        self,
        audio: AudioWindow,
        *,
        rate: int | None = None,
        vad: VadOptions | None = None,
        blend: bool = False,
    ) -> None:
        self.audio = audio
        self.front: FrontEnd = front_end(audio)
        self.rate = self.front.rate if rate is None else rate
        self._blend = blend
        self._fade_columns = vad.fade_columns(float(self.front.columns_per_second)) if vad else 1.0
        self._mono = MonoMix(self.rate)
        self._resampler = Resampler(self.rate, self.front.rate)
        self._features = self.front.open()
        self._vad = VoiceActivityDetector(self.front, vad) if vad else None
        self.reset()

    def reset(self) -> None:
        """Forget every sample; the next push begins a new sound at time 0."""
        self._mono.reset()
        self._resampler.reset()
        self._features.reset()
        if self._vad:
            self._vad.reset()
        self._columns: F32 = self.front.silent(0)  # from column _first on
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
        return self.front.lookahead(self.audio) + Fraction(self._resampler.lookahead, self.rate)

    def push(self, pcm: npt.ArrayLike) -> None:
        """Take sound, int16 or float32 (n,), or (n, channels), which are mixed to one; n from 0."""
        samples = self._mono.push(pcm)
        self._samples_in += len(samples)
        self._store(self._features.push(self._resampler.push(samples)))

    def end(self) -> None:
        """Say that the sound is over: the frames up to its end become ready."""
        if self._ended:
            return
        self._ended = True
        self._store(self._features.push(self._resampler.flush()))
        self._store(self._features.flush())

    def state(self, time: Fraction) -> State:
        """Whether the window of a frame at `time` waits for sound, is ready, or lies behind the end of the video.

        Tail "pad": the video has every frame that begins before the sound ends. Tail "last" (published): the first
        frame whose window passes the end takes the last columns instead, and is the last frame.
        """
        complete = self._start(time) + self.audio.columns <= self._end
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
        start = self._start(time)
        past_end = start + self.audio.columns > self._end
        if past_end and self.audio.tail == "last":
            self._tail_given = True
            start = self._end - self.audio.columns
        features = self.front.silent(self.audio.columns)
        gains = np.zeros(self.audio.columns, np.float32)
        low, high = max(start, self._first), min(start + self.audio.columns, self._end)
        if low < high:
            features[:, low - start : high - start] = self._columns[:, low - self._first : high - self._first]
            gains[low - start : high - start] = self._gains[low - self._first : high - self._first]
        self._forget(start)
        own = min(max(self.front.column(time) - start, 0), self.audio.columns - 1)
        gain = fade_in(gains[own:], self._fade_columns) if self._vad else 1.0
        return FeatureWindow(features, gain, self.front.silence, start)

    def _start(self, time: Fraction) -> int:
        """First column of the window of a frame at `time`."""
        return self.front.column(time) + self.audio.offset

    @property
    def _end(self) -> int:
        return self._first + int(self._columns.shape[1])

    def _store(self, columns: F32) -> None:
        if not columns.shape[1]:
            return
        gains = self._vad.push(columns) if self._vad else np.ones(columns.shape[1], np.float32)
        if self._blend and self._vad:
            columns = _faded(columns, gains, self.front.silence)
        self._columns = np.concatenate([self._columns, columns], axis=1)
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
    whichever is first.

    Args:
        frames: frames in order of time.
        sound: pieces of sound at `stream.rate`, int16 or float32 (n,) or (n, channels).
        stream: a fresh `FeatureStream`.
    """
    pieces = iter(sound)
    for frame in frames:
        while stream.state(frame.time) == "wait":
            piece = next(pieces, None)
            if piece is None:
                stream.end()
            else:
                stream.push(piece)
        if stream.state(frame.time) == "end":
            return
        heard = stream.window(frame.time)
        yield frame.hearing(heard.features, heard.gain)
