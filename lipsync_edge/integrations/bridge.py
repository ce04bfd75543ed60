"""Bridge between an event loop and a live session: sound in, slots out in order, and where each utterance ends."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from lipsync_edge.audio.resample import Resampler, to_float32, to_int16
from lipsync_edge.live.options import SessionOptions
from lipsync_edge.live.session import LiveSession
from lipsync_edge.live.slot import I16, Slot
from lipsync_edge.pipeline.stream import Stream

PATIENCE_S = 0.2  # how long one wait for room in the session's queue lasts
WAITING = 12  # slots that may wait; beyond that pictures are left out, sound is not
GAP_S = 30.0  # agents say where an utterance ends; a pause in a slow voice does not


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """One slot on its way to an agent's output.

    Attributes:
        slot: picture and sound.
        speaks: whether its sound belongs to an utterance.
        ends: whether an utterance ended before it.
    """

    slot: Slot
    speaks: bool
    ends: bool


class _SlotQueue:
    """Sink that hands slots to an event loop; beyond `WAITING` of them pictures are left out, sound is not."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.slots: deque[Slot] = deque()
        self.there = asyncio.Event()
        self._loop = loop

    def write(self, slot: Slot) -> None:
        """Take a slot from the render thread."""
        self.on_loop(self._put, slot)

    def interrupt(self) -> None:
        """Hold nothing back here: what waits is dropped on the event loop."""

    def close(self) -> None:
        """Do nothing: the bridge says when its thread ends."""

    def on_loop(self, action: Callable[..., object], *given: object) -> None:
        """Have something done on the event loop; nothing when that is closed already."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(action, *given)

    def _put(self, slot: Slot) -> None:
        self.slots.append(slot)
        if len(self.slots) > WAITING:
            self.slots[-WAITING - 1] = replace(self.slots[-WAITING - 1], picture=None)
        self.there.set()


class AgentBridge:
    """Live session for one agent; made on the event loop that it serves.

    Args:
        stream: an open stream of nobody else.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream, self.rate = stream, stream.sample_rate
        self._queue = _SlotQueue(asyncio.get_running_loop())
        self._session = LiveSession(stream, self._queue, SessionOptions(rate=self.rate, gap_s=GAP_S))
        self._speaking = 0  # number of the utterance that is being said
        self._over = False
        self._error: BaseException | None = None
        self._resampler: tuple[int, Resampler] | None = None
        self._thread = threading.Thread(target=self._run, name="lipsync-agent", daemon=True)

    def start(self) -> None:
        """Begin to live."""
        self._thread.start()

    async def say(self, pcm: I16, rate: int, channels: int = 1) -> None:
        """Say sound, int16 (n * channels,) interleaved, of any rate; waits while much is waiting already.

        Raises:
            SessionOverError: the session has ended; its cause is chained.
        """
        token = self._session.token
        mono = to_float32(pcm.reshape(-1, channels)).mean(1) if channels > 1 else to_float32(pcm)
        if self._resampler is None or self._resampler[0] != rate:
            self._resampler = rate, await asyncio.to_thread(Resampler, rate, self.rate)
        piece = to_int16(self._resampler[1].push(mono.astype(np.float32)))
        result = self._session.say(piece, timeout=0, token=token)
        while result == "full":
            result = await asyncio.to_thread(self._session.say, piece, timeout=PATIENCE_S, token=token)

    def end(self) -> None:
        """End the utterance."""
        if self._resampler is not None:
            rest, self._resampler = self._resampler[1].flush(), None
            self._session.say(to_int16(rest), timeout=0)
        self._session.end()

    async def interrupt(self) -> None:
        """Stop speaking at once: nothing of the utterance is given any more."""
        self._resampler = None
        await asyncio.to_thread(self._session.interrupt)
        await asyncio.sleep(0)  # slots that were handed over before come now
        self._queue.slots.clear()
        self._speaking = 0

    async def close(self, *, after_speech: bool = False) -> None:
        """End the session and wait for it: at once, or when what it was given has been said."""
        if after_speech:
            self._session.finish()
            await asyncio.to_thread(self._thread.join)
        self._session.stop()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 5.0)

    async def played(self) -> AsyncIterator[Played]:
        """Give slots as they come, until the session ends; its error is raised here."""
        while True:
            while not self._queue.slots and not self._over:
                self._queue.there.clear()
                await self._queue.there.wait()
            if not self._queue.slots:
                break
            yield self._told(self._queue.slots.popleft())
        if self._error is not None:
            raise self._error

    def _told(self, slot: Slot) -> Played:
        """Say what a slot is to the utterances."""
        is_said = slot.state in ("speech", "silence") or (
            slot.state in ("idle", "late") and bool(slot.pcm.any())
        )
        is_next = bool(self._speaking) and slot.utterance > self._speaking
        ends = bool(self._speaking) and (is_next or (slot.state == "idle" and not is_said))
        if ends:
            self._speaking = 0
        if is_said and not self._speaking:
            self._speaking = slot.utterance or 1
        return Played(slot, is_said, ends)

    def _run(self) -> None:
        try:
            self._session.run()
        except Exception as error:  # whatever it is belongs to who reads
            self._error = error
        self._over = True
        self._queue.on_loop(self._queue.there.set)
