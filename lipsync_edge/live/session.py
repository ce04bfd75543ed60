"""Live session: the render thread asks the stream for a frame in every playout slot and hands it out with its sound.

Slot n stands at n / fps after the beginning, on a clock that never drifts: times are Fractions, and the sound of n
slots is floor(n * rate / fps) samples. When a slot's time has passed by more than a slot, its picture is dropped
before it is made, counted and told; it is never queued.

The stream, the playout buffer and the frames under way belong to the render thread alone. An interrupt only ends the
present token, under the lock under which slots are handed out; the render thread makes a slot with the token that was
present when it began it, hands it out as silence when that was interrupted meanwhile, and forgets the old utterance
before the next slot. The audio queue gives sound of the slot's own token only, so that what was said since the
interrupt waits for the next slot.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from math import ceil

from lipsync_edge.live.audio_queue import AudioQueue, Pcm, PutResult
from lipsync_edge.live.health import SessionHealth
from lipsync_edge.live.options import SessionOptions
from lipsync_edge.live.slot import PlayoutBuffer, Sink, Slot
from lipsync_edge.machine import resident_bytes
from lipsync_edge.pipeline.frame import StreamFrame
from lipsync_edge.pipeline.interrupt import InterruptSource, InterruptToken
from lipsync_edge.pipeline.stream import Stream

POLL_S = 0.2  # how long a wait without an end lasts before it looks round


class LiveSession:
    """Session that takes sound from any thread and gives slots from one; it closes its stream and sink at its end.

    Args:
        stream: an open stream of nobody else.
        sink: where slots go.
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
        self._interrupts = InterruptSource()
        self._queue = AudioQueue(max(1, round(options.buffer_s * options.rate)), self._interrupts)
        self._over = threading.Event()
        self._clock, self._sleep = clock, sleep or self._over.wait
        self._handing_out = threading.Lock()  # handing out a slot and interrupting exclude each other
        self._lookahead = ceil(stream.lookahead_ms / 1000 * options.rate)
        self._token = self._interrupts.token  # with which the slot under way was begun
        self._playout = PlayoutBuffer(options.rate, stream.fps)
        self._frames: Iterator[StreamFrame] = iter(())
        self._speaking = False  # an utterance was begun and not ended
        self._last_sound = self._queued_since = self._heartbeat = self._begun = clock()
        self._slots = self._dropped = self._starved = 0
        self._running = False

    @property
    def token(self) -> InterruptToken:
        """The present: what is said with a token that was interrupted is not taken."""
        return self._interrupts.token

    def say(
        self, pcm: Pcm, *, timeout: float | None = None, token: InterruptToken | None = None
    ) -> PutResult:
        """Give speech, int16 or float32 (n,); waits while `buffer_s` are waiting. See `AudioQueue.put`."""
        return self._queue.put(pcm, timeout=timeout, token=token)

    def end(self, token: InterruptToken | None = None) -> None:
        """End the utterance here: its last frames need not wait for more sound."""
        self._queue.end(token)

    def finish(self, error: BaseException | None = None) -> None:
        """Say that no sound will come any more: the session ends after the last frame, or at once with `error`."""
        self._queue.finish(error)

    def interrupt(self) -> None:
        """Stop speaking at once: once this returns, no picture and no sound of the utterance is handed out.

        Waits at most for the slot that is being written.
        """
        with self._handing_out:
            self._interrupts.interrupt()
            self._queue.drop_interrupted()
            self.sink.interrupt()

    def stop(self) -> None:
        """End the session from any thread, without an error."""
        self._over.set()
        self._queue.finish()

    def health(self) -> SessionHealth:
        """Tell how the session does; never waits."""
        now = self._clock()
        return SessionHealth(
            slots=self._slots,
            dropped=self._dropped,
            starved=self._starved,
            heartbeat_age_s=now - self._heartbeat,
            queued_audio_s=self._queue.held / self.options.rate,
            uptime_s=now - self._begun,
            rss_bytes=resident_bytes(),
            running=self._running,
            stream=self.stream.health(),
        )

    def run(self) -> None:
        """Make slots until `finish`, `stop` or an error, which is raised here and chained in `say`."""
        self._running = True
        error: BaseException | None = None
        try:
            self._run()
        except BaseException as caught:
            error = caught
            raise
        finally:
            self._running = False
            self._over.set()
            self._queue.close(error)
            self.stream.close()
            self.sink.close()

    def _run(self) -> None:
        begun = self._clock()
        for index in count():
            if self.options.realtime and not self._wait_for(begun + float(index / self.stream.fps)):
                return
            self._heartbeat = self._clock()
            self._settle_interrupt()
            end = float((index + 1) / self.stream.fps)
            is_late = self.options.realtime and self._heartbeat - begun > end
            slot = self._late_slot(index) if is_late else self._next_slot(index)
            if slot is None:
                return
            with self._handing_out:
                if self._token.interrupted:
                    slot = Slot(index, slot.time, self._playout.silence(index), None, "idle", slot.event)
                self.sink.write(slot)
            self._slots += 1

    def _settle_interrupt(self) -> None:
        """Draw the token of the next slot; forget the old utterance when there was an interrupt since the last."""
        token = self._interrupts.token
        if token is not self._token:
            self._token = token
            self._playout.clear()
            self._frames, self._speaking = iter(()), False
            self.stream.interrupt()

    def _wait_for(self, due: float) -> bool:
        left = due - self._clock()
        if left > 0:
            self._sleep(left)
        return not self._over.is_set()

    def _next_slot(self, index: int) -> Slot | None:
        """Make a slot in time; None when the session is over."""
        frame = self._frame()
        while frame is None and self._may_wait():
            self._queue.wait(POLL_S, self._token)
            self._heartbeat = self._clock()
            frame = self._frame()
        at = index / self.stream.fps
        if frame is not None:
            sound = self._playout.take(index)
            return Slot(index, at, sound, frame.picture, frame.state, frame.event, frame.utterance)
        if self._is_done():
            return None
        is_starved = self._speaking and not self._token.interrupted
        self._starved += is_starved
        return Slot(index, at, self._playout.silence(index), None, "starved" if is_starved else "idle")

    def _late_slot(self, index: int) -> Slot:
        """Pass over a frame whose time is gone; its sound goes out."""
        passed = self.stream.skip()
        while not passed and self._feed():
            passed = self.stream.skip()
        self._dropped += passed
        self._starved += not passed
        pcm = self._playout.take(index) if passed else self._playout.silence(index)
        return Slot(index, index / self.stream.fps, pcm, None, "late")

    def _frame(self) -> StreamFrame | None:
        """The next frame: of speech, or an idle one when nothing is being said; None while sound is awaited."""
        frame = next(self._frames, None)
        while frame is None and self._feed():
            frame = next(self._frames, None)
        lives_on = self.options.realtime and not self._is_done()
        if frame is None and not self._speaking and (lives_on or self._playout.pending):
            frame = next(self.stream.idle(), None)
        return frame

    def _feed(self) -> bool:
        """Push the next slice of sound, or end the utterance; False when there is nothing to do in this slot."""
        if self._token.interrupted:
            return False
        if self._playout.pending and not self._speaking:
            return False  # the published windows end before the sound does: let it end first
        if not self._speaking and not self._may_begin():
            return False
        piece = self._queue.take(self._playout.length(0), self._token)
        if piece is not None and len(piece):
            self._frames, self._speaking = self.stream.push(piece), True
            self._playout.push(piece)
            self._last_sound = self._clock()
            return True
        gap = self.options.realtime and self._clock() - self._last_sound > self.options.gap_s
        if piece is None or (self._speaking and (gap or self._queue.drained)):
            self._frames, self._speaking = self.stream.flush(), False
            return True
        return False

    def _may_begin(self) -> bool:
        """Whether enough sound waits for the first frame of an utterance; until then the avatar lives on as it did."""
        now = self._clock()
        if not self._queue.held:
            self._queued_since = now
        return self._queue.can_begin(self._lookahead) or now - self._queued_since > self.options.gap_s

    def _may_wait(self) -> bool:
        """Whether a slot without a frame is held back until its sound comes."""
        return not (self.options.realtime or self._token.interrupted or self._is_done())

    def _is_done(self) -> bool:
        return self._over.is_set() or (
            self._queue.drained and not self._speaking and not self._playout.pending
        )
