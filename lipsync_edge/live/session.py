"""The show: one thread that asks the stream for a frame in every slot and hands it out with its sound.

Slot n stands at n / fps after the beginning, on a clock that never drifts: times are Fractions, and the sound of n
slots is floor(n * rate / fps) samples. When a slot's time has passed by more than a slot, its picture is dropped
before it is made, counted and told; it is never queued.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from math import ceil

from lipsync_edge.errors import UsageError
from lipsync_edge.live.audio_queue import AudioQueue, Pcm, Taken
from lipsync_edge.live.health import SessionHealth
from lipsync_edge.live.process import resident_bytes
from lipsync_edge.live.slot import I16, Sink, Slot, Track
from lipsync_edge.pipeline.frame import StreamFrame
from lipsync_edge.pipeline.stream import Stream

POLL_S = 0.2  # how long a wait without an end lasts before it looks round


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a show runs.

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


class LiveSession:
    """Sound in from any thread, moments out of one. The show closes its stream and its sink when it ends.

    Args:
        stream: an open stream of nobody else.
        sink: where moments go.
        options: how it runs; `options.rate` is the stream's sample rate.
        clock: seconds, monotonic.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        stream: Stream,
        sink: Sink,
        options: SessionOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.stream, self.sink, self.options = stream, sink, options
        self._inbox = AudioQueue(max(1, round(options.buffer_s * options.rate)))
        self._track = Track(options.rate, stream.fps)
        self._over = threading.Event()
        self._clock, self._sleep = clock, sleep or self._over.wait
        self._feeding = threading.Lock()  # taking sound and interrupting exclude each other
        self._handing_out = threading.Lock()  # so do handing out and interrupting
        self._epoch = 0  # goes up with every interrupt
        self._slot_epoch = 0  # the epoch in which the slot under way began
        self._frames: Iterator[StreamFrame] = iter(())
        self._talking = False  # an utterance was begun and not ended
        self._last_sound = self._first_waits = self._beat = self._born = clock()
        self._look_ahead = ceil(stream.lookahead_ms / 1000 * options.rate)
        self._slots = self._dropped = self._starved = 0
        self._on_air = False

    @property
    def ticket(self) -> int:
        """Names the present: what is said with an older ticket than the last interrupt is not taken."""
        return self._inbox.ticket

    def say(self, pcm: Pcm, *, timeout: float | None = None, ticket: int | None = None) -> Taken:
        """Give speech, int16 or float32 (n,); waits while `buffer_s` are waiting. See `AudioQueue.put`."""
        return self._inbox.put(pcm, timeout=timeout, ticket=ticket)

    def end(self, ticket: int | None = None) -> None:
        """The utterance ends here: its last frames need not wait for more sound."""
        self._inbox.end(ticket)

    def finish(self, error: BaseException | None = None) -> None:
        """No sound will come any more: the show ends after the last frame, or at once with `error`."""
        self._inbox.finish(error)

    def interrupt(self) -> None:
        """Stop speaking at once: once this returns, no picture and no sound of the utterance is handed out.

        Waits at most for the moment that is being written.
        """
        with self._handing_out, self._feeding:
            self._epoch += 1
            self._inbox.clear()
            self._track.clear()
            self._frames, self._talking = iter(()), False
            self.stream.interrupt()
            self.sink.interrupt()

    def stop(self) -> None:
        """End the show from any thread, without an error."""
        self._over.set()
        self._inbox.finish()

    def health(self) -> SessionHealth:
        """Tell how the show does; never waits."""
        now = self._clock()
        return SessionHealth(
            slots=self._slots,
            dropped=self._dropped,
            starved=self._starved,
            beat_age_s=now - self._beat,
            waiting_audio_s=self._inbox.held / self.options.rate,
            seconds=now - self._born,
            rss_bytes=resident_bytes(),
            on_air=self._on_air,
            stream=self.stream.health(),
        )

    def run(self) -> None:
        """Make moments until `finish`, `stop` or an error, which is raised here and chained in `say`."""
        self._on_air = True
        error: BaseException | None = None
        try:
            self._run()
        except BaseException as caught:
            error = caught
            raise
        finally:
            self._on_air = False
            self._over.set()
            self._inbox.close(error)
            self.stream.close()
            self.sink.close()

    def _run(self) -> None:
        begun = self._clock()
        for slot in count():
            if self.options.realtime and not self._wait_for(begun + float(slot / self.stream.fps)):
                return
            self._beat = self._clock()
            self._slot_epoch = self._epoch
            is_late = self.options.realtime and self._beat - begun > float((slot + 1) / self.stream.fps)
            moment = self._late(slot) if is_late else self._moment(slot)
            if moment is None:
                return
            with self._handing_out:
                if self._epoch != self._slot_epoch:
                    moment = Slot(slot, moment.time, self._track.silence(slot), None, "idle", moment.event)
                self.sink.write(moment)
            self._slots += 1

    def _wait_for(self, due: float) -> bool:
        left = due - self._clock()
        if left > 0:
            self._sleep(left)
        return not self._over.is_set()

    def _moment(self, slot: int) -> Slot | None:
        """Make the moment of a slot; None when the show is over."""
        frame = self._frame()
        while frame is None and not self._is_done() and not self.options.realtime and self._is_current():
            self._inbox.wait(POLL_S)
            self._beat = self._clock()
            frame = self._frame()
        at = slot / self.stream.fps
        if frame is None:
            if self._is_done():
                return None
            self._starved += self._talking
            return Slot(slot, at, self._track.silence(slot), None, "starved" if self._talking else "idle")
        return Slot(slot, at, self._take(slot), frame.image_bgr, frame.state, frame.event)

    def _late(self, slot: int) -> Slot:
        """Pass over a frame whose time is gone; its sound goes out."""
        passed = self.stream.skip()
        while not passed and self._feed():
            passed = self.stream.skip()
        self._dropped += passed
        self._starved += not passed
        pcm = self._take(slot) if passed else self._track.silence(slot)
        return Slot(slot, slot / self.stream.fps, pcm, None, "late")

    def _frame(self) -> StreamFrame | None:
        """The next frame: of speech, or an idle one when nothing is being said; None while sound is awaited."""
        frame = next(self._frames, None)
        while frame is None and self._feed():
            frame = next(self._frames, None)
        lives_on = self.options.realtime and not self._is_done()
        if frame is None and not self._talking and (lives_on or self._track.pending):
            frame = next(self.stream.idle(), None)
        return frame

    def _feed(self) -> bool:
        """Push the next slice of sound, or end the utterance; False when there is nothing to do.

        After an interrupt there is nothing to do in this slot: its moment will be thrown away, and what was said since
        must not go with it.
        """
        with self._feeding:
            if not self._is_current():
                return False
            if self._track.pending and not self._talking:
                return False  # the published windows end before the sound does: let it end first
            if not self._talking and not self._may_begin():
                return False
            piece = self._inbox.take(self._track.length(0))
            if piece is not None and len(piece):
                self._frames, self._talking = self.stream.push(piece), True
                self._track.push(piece)
                self._last_sound = self._clock()
                return True
            gap = self.options.realtime and self._clock() - self._last_sound > self.options.gap_s
            if piece is None or (self._talking and (gap or self._inbox.drained)):
                self._frames, self._talking = self.stream.flush(), False
                return True
            return False

    def _take(self, slot: int) -> I16:
        with self._feeding:
            return self._track.take(slot)

    def _is_current(self) -> bool:
        """Whether nobody has interrupted since the slot under way began."""
        return self._epoch == self._slot_epoch

    def _may_begin(self) -> bool:
        """Whether enough sound waits for the first frame of an utterance; until then the avatar lives on as it did."""
        now = self._clock()
        if not self._inbox.held:
            self._first_waits = now
        return self._inbox.can_begin(self._look_ahead) or now - self._first_waits > self.options.gap_s

    def _is_done(self) -> bool:
        return self._over.is_set() or (self._inbox.drained and not self._talking and not self._track.pending)
