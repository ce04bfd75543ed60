"""What a live stream hears: the utterance under way on the stream's clock, and the mouth that closes after it."""

from __future__ import annotations

from fractions import Fraction

import numpy.typing as npt

from lipsync_edge.audio.alignment import FeatureWindow
from lipsync_edge.render.renderer import Renderer

CLOSING = 4  # idle frames in which a mouth that was open closes
CUT_SHORT = 2  # the same after an interrupt: who is interrupted shuts up


class Utterances:
    """Utterances one after another; each begins with the frame that is next when its first sound comes.

    Args:
        renderer: says what its lips hear.
        rate: of the sound, in samples a second.
        fps: frames a second.

    Attributes:
        number: of the utterance under way, or of the last one; 0 before the first.
        under_way: whether one was begun and its end was not reached, flushed or not.
    """

    def __init__(self, renderer: Renderer, *, rate: int, fps: Fraction) -> None:
        self._features = renderer.listen(rate)
        self._fps = fps
        self._silence = renderer.silence
        self.under_way: bool = False
        self.forget()

    @property
    def lookahead_ms(self) -> float:
        """Sound after a frame's own time that it needs, in milliseconds."""
        return float(self._features.lookahead * 1000)

    def forget(self) -> None:
        """Begin anew, at frame 0."""
        self.number = 0
        self._last, self._faded = self._silence, CLOSING
        self.drop(0)

    def drop(self, index: int) -> None:
        """Throw away the sound of the utterance; frame `index` is the next one."""
        self._features.reset()
        self.under_way = False
        self._origin = index

    def interrupt(self, index: int) -> None:
        """Throw away the sound of the utterance and close the mouth quickly; frame `index` is the next one."""
        self.drop(index)
        self._faded = max(self._faded, CLOSING - CUT_SHORT)

    def push(self, pcm: npt.ArrayLike, index: int) -> None:
        """Take sound, int16 or float32 (n,) or (n, channels); after an end it begins the next one at frame `index`."""
        if self._features.ended:
            self.drop(index)
        if not self.under_way:
            self.under_way = True
            self.number += 1
            self._origin = index
        self._features.push(pcm)

    def end(self) -> None:
        """End the utterance: no more sound of it will come."""
        if self.under_way:
            self._features.end()

    def is_open(self, index: int) -> bool:
        """Whether frame `index` belongs to an utterance, be its sound there or not."""
        if not self.under_way:
            return False
        return not self._features.ended or self._features.state(self._own_time(index)) != "end"

    def window(self, index: int) -> FeatureWindow | None:
        """Return what frame `index` hears; None while its sound is missing, and outside utterances."""
        at = self._own_time(index)
        return self._features.window(at) if self.under_way and self._features.state(at) == "ready" else None

    def heard(self, window: FeatureWindow) -> None:
        """Remember the window of a frame that was made or passed over: the mouth closes from there."""
        self._last, self._faded = window, 0

    def fading(self) -> FeatureWindow:
        """Return what the next idle frame hears: the last window of speech, fading to silence in a few frames."""
        self.under_way = False
        self._faded = min(CLOSING, self._faded + 1)
        return self._last.faded(1 - self._faded / CLOSING)

    @property
    def at_rest(self) -> bool:
        """Whether the mouth has closed, so that an idle frame hears silence and nothing else."""
        return not self.under_way and (self._faded >= CLOSING or self._last is self._silence)

    def pending_s(self, index: int) -> float:
        """Return seconds of sound from frame `index` on, look-ahead included."""
        return max(0.0, float(self._features.duration - self._own_time(index))) if self.under_way else 0.0

    def _own_time(self, index: int) -> Fraction:
        return Fraction(index - self._origin) / self._fps
