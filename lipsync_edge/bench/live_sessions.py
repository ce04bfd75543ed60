"""How many live sessions a machine holds, each with one viewer of JPEGs: all speaking, or all idle.

Sessions of one avatar run side by side in real time, in one process, one thread a network, as those of `serve` do.
Speaking ones get sound without a pause. A number of sessions is held where all together lose less than a hundredth of
their slots.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from lipsync_edge.live import LiveSession, SessionOptions, SessionOverError, Slot
from lipsync_edge.live.slot import I16
from lipsync_edge.machine import resident_bytes
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.protocol import pack

QUALITY = 85  # of the JPEGs
LOST = 0.01  # of all slots


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsCost:
    """What so many sessions side by side lost and took.

    Attributes:
        sessions: how many.
        lost: part of all slots whose picture came too late or not at all, 0…1.
        cpu_ms_per_slot: processor time of one slot of one session, all threads.
        busy_cores: processor time over time.
        mb_each: resident memory that came with each session, in MiB; of one alone that of what all share, too.
        mbit_s_each: what a viewer is sent.
    """

    sessions: int
    lost: float
    cpu_ms_per_slot: float
    busy_cores: float
    mb_each: float
    mbit_s_each: float

    @property
    def held(self) -> bool:
        """Whether so many are held."""
        return self.lost <= LOST


class OneViewer:
    """A sink that makes the message of a viewer."""

    def __init__(self) -> None:
        self.slots = self.late = self.sent = 0

    def write(self, slot: Slot) -> None:
        """Take a slot."""
        self.sent += len(pack(slot, quality=QUALITY))
        self.slots += 1
        self.late += slot.state == "late"

    def interrupt(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is open."""


def cost_of(count: int, first: Stream, sound: I16 | None, seconds: float) -> SessionsCost:
    """Run so many sessions for so long.

    Args:
        count: how many.
        first: a stream like theirs; it is not run.
        sound: int16 (n,) at its rate, which speaking sessions say again and again; None: they are idle.
        seconds: of real time.
    """
    rate, before = first.sample_rate, resident_bytes()
    over = threading.Event()
    sinks = [OneViewer() for _ in range(count)]
    sessions = [LiveSession(first.again(), sink, SessionOptions(rate=rate, buffer_s=1.0)) for sink in sinks]
    threads = [threading.Thread(target=session.run) for session in sessions]
    talkers = (
        [] if sound is None else [threading.Thread(target=_say, args=(s, sound, over)) for s in sessions]
    )
    for talker in talkers:
        talker.start()
    cpu, began = time.process_time(), time.perf_counter()
    for thread in threads:
        thread.start()
        time.sleep(1 / (float(first.fps) * count))  # as strangers would come
    time.sleep(seconds)
    grown = resident_bytes() - before
    over.set()
    for session in sessions:
        session.stop()
    for thread in [*threads, *talkers]:
        thread.join()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    slots = max(1, sum(sink.slots for sink in sinks))
    due = count * seconds * float(first.fps)
    lost = sum(sink.late for sink in sinks) + max(0.0, due - slots - count)
    return SessionsCost(
        sessions=count,
        lost=round(lost / due, 4),
        cpu_ms_per_slot=round(1000 * cpu / slots, 2),
        busy_cores=round(cpu / wall, 2),
        mb_each=round(max(0, grown) / count / 2**20, 1),
        mbit_s_each=round(sum(sink.sent for sink in sinks) * 8e-6 / wall / count, 2),
    )


def _say(session: LiveSession, sound: I16, over: threading.Event) -> None:
    """Say the sound again and again, as fast as the session takes it."""
    at, step = 0, session.options.rate // 10
    with suppress(SessionOverError):
        while not over.is_set():
            session.say(sound[at : at + step], timeout=0.2)
            at = (at + step) % max(1, len(sound) - step)


def most_held(
    measure: Callable[[int], SessionsCost], limit: int
) -> tuple[SessionsCost | None, SessionsCost | None]:
    """Return the cost of the most sessions that are held, and that of the fewest that were seen not to be.

    The number is doubled until it is too many or the limit, then the gap is halved to a tenth of it.

    Args:
        measure: runs so many.
        limit: most that are tried.
    """
    held: SessionsCost | None = None
    over: SessionsCost | None = None
    count = 1
    while True:
        found = measure(count)
        held, over = (found, over) if found.held else (held, found)
        low = held.sessions if held else 0
        high = over.sessions if over else limit + 1
        if high - low <= max(1, low // 10):
            return held, over
        count = min(limit, 2 * low) if over is None else (low + high) // 2
