"""Weeks of running, on a clock that runs as fast as frames are made: memory stays flat and nothing drifts."""

import numpy as np
import pytest

from lipsync_edge.live import LiveSession, SessionOptions, Slot
from lipsync_edge.machine import resident_bytes
from tests.live.fakes import RATE, open_stream, speech
from tests.live.test_session import Clock

SOUND = speech(3.0)


class Counter:
    """A sink that counts, and makes the session talk and be interrupted again and again."""

    def __init__(self, slots: int) -> None:
        self.slots, self.samples, self.pictures = slots, 0, 0
        self.states: dict[str, int] = {}
        self.memory: list[int] = []
        self.session: LiveSession

    def write(self, slot: Slot) -> None:
        self.samples += len(slot.pcm)
        self.pictures += slot.image_bgr is not None
        self.states[slot.state] = self.states.get(slot.state, 0) + 1
        if slot.index % 250 == 0:
            self.session.say(SOUND)
            self.session.end()
            for network in self.session.stream.renderer.networks.values():
                network.backend.calls.clear()  # the fakes keep what they were fed
            self.memory.append(resident_bytes())
        if slot.index + 1 == self.slots:
            self.session.stop()

    def interrupt(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    "slots",
    [
        2500,
        pytest.param(24 * 3600 * 25, marks=pytest.mark.nightly, id="a-day"),
    ],
)
def test_memory_is_flat_and_the_clock_is_kept(slots: int) -> None:
    clock, counter = Clock(), Counter(slots)
    stream = open_stream()
    counter.session = LiveSession(stream, counter, SessionOptions(rate=RATE), clock=clock, sleep=clock.sleep)
    counter.session.run()
    assert clock.now - 100 == pytest.approx(slots / 25, abs=1e-3)  # less than a frame of drift, at any length
    assert counter.samples == slots * RATE // 25
    assert counter.pictures == slots
    assert counter.states["speech"] > slots // 5
    assert counter.states["idle"] > slots // 2
    early, late = np.median(counter.memory[2:5]), np.median(counter.memory[-3:])
    print(f"{slots} frames, memory {early / 1e6:.1f} MB, then {late / 1e6:.1f} MB")
    assert late - early < 8e6
