"""Hundreds of interrupts from several threads: nothing said before one comes out, nothing said after one is lost."""

import random
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest

from lipsync_edge.live import LiveSession, SessionOptions, Slot
from lipsync_edge.pipeline import interrupt
from lipsync_edge.pipeline.interrupt import InterruptSource, InterruptToken
from tests.live.fakes import RATE
from tests.live.test_session import AVATAR, ENGINE, Kept, in_thread, wait_until

LENGTH = 800  # samples of an utterance


@pytest.fixture(autouse=True)
def _threads_change_often() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


class SlowSink(Kept):
    """A sink that holds a slot for a while before it is out."""

    def write(self, slot: Slot) -> None:
        time.sleep(0.001)
        super().write(slot)


def utterance(number: int) -> np.ndarray:
    """Sound that says which utterance it is, and where that begins: -number, number, number, …"""
    pcm = np.full(LENGTH, number, np.int16)
    pcm[0] = -number
    return pcm


@dataclass
class Speakers:
    """Threads that interrupt and speak; `log` is what was said and where in the output its interrupt had returned."""

    session: LiveSession
    sink: Kept
    log: list[tuple[int, int]] = field(default_factory=list)  # number, slots handed out when it was said
    whole: list[int] = field(default_factory=list)  # numbers that were waited for
    turn: threading.Lock = field(default_factory=threading.Lock)

    def speak(self, seed: int, times: int) -> None:
        dice = random.Random(seed)  # noqa: S311
        for _ in range(times):
            with self.turn:
                self.session.interrupt()
                number = len(self.log) + 1
                self.log.append((number, len(self.sink.slots)))
                pcm, half = utterance(number), dice.randrange(1, LENGTH)
                assert self.session.say(pcm[:half]) == "taken"
                assert self.session.say(pcm[half:]) == "taken"
                self.session.end()
                if dice.random() < 0.15:
                    wait_until(lambda pcm=pcm: heard(self.sink, int(pcm[1])) == LENGTH, 10)  # type: ignore[misc]
                    self.whole.append(number)
            time.sleep(dice.random() * 0.02)


def heard(sink: Kept, number: int) -> int:
    """How many samples of an utterance were handed out."""
    return sum(int((np.abs(slot.pcm) == number).sum()) for slot in list(sink.slots))


@pytest.mark.parametrize("realtime", [True, False], ids=["real time", "as fast as it goes"])
def test_serial_interrupts_of_many_threads(realtime: bool) -> None:
    sink = SlowSink()
    stream = ENGINE.stream(AVATAR, sample_rate=RATE, fps=Fraction(100))
    session = LiveSession(stream, sink, SessionOptions(rate=RATE, realtime=realtime))
    runner, errors = in_thread(session.run)
    speakers = Speakers(session, sink)
    threads = [in_thread(lambda seed=seed: speakers.speak(seed, 50)) for seed in range(4)]  # type: ignore[misc]
    for thread, failures in threads:
        thread.join(60)
        assert not thread.is_alive()
        assert not failures
    last = len(speakers.log)
    wait_until(lambda: heard(sink, last) == LENGTH, 10)
    session.stop()
    runner.join(5)
    assert not errors
    assert last == 200
    assert len(speakers.whole) > 10
    pcm = np.concatenate([slot.pcm for slot in sink.slots]).astype(int)
    ends = np.cumsum([0, *(len(slot.pcm) for slot in sink.slots)])
    for number, at in speakers.log:
        after = np.abs(pcm[ends[at] :])
        assert not ((after > 0) & (after < number)).any(), (
            "nothing said before an interrupt comes out after it"
        )
        places = np.flatnonzero(np.abs(pcm) == number)
        assert np.array_equal(pcm[places], utterance(number)[: len(places)]), "it begins with its beginning"
        if len(places):
            assert places[-1] - places[0] + 1 == len(places), "and has no hole"
    assert all(heard(sink, number) == LENGTH for number in [*speakers.whole, last])


def test_interrupts_that_overtake_each_other() -> None:
    """Four threads interrupt, two speak, and nobody takes turns."""
    sink, over, said = SlowSink(), threading.Event(), [0]
    stream = ENGINE.stream(AVATAR, sample_rate=RATE, fps=Fraction(100))
    session = LiveSession(stream, sink, SessionOptions(rate=RATE))
    runner, errors = in_thread(session.run)
    cuts: list[
        tuple[int, set[int]]
    ] = []  # slots handed out when an interrupt returned, what had been said before it
    numbers, done, lock = iter(range(1, 30_000)), set(), threading.Lock()  # type: ignore[var-annotated]

    def interrupt_often() -> None:
        for _ in range(100):
            with lock:
                before = set(done)
            session.interrupt()
            cuts.append((len(sink.slots), before))
            time.sleep(0.003)

    def speak() -> None:
        while not over.is_set():
            with lock:
                number = next(numbers)
            token = session.token
            if session.say(utterance(number), token=token, timeout=0.5) == "taken":
                said[0] += 1
            session.end(token)
            with lock:
                done.add(number)
            time.sleep(0.001)

    speaking = [in_thread(speak) for _ in range(2)]
    interrupting = [in_thread(interrupt_often) for _ in range(4)]
    for thread, failures in interrupting:
        thread.join(30)
        assert not failures
    over.set()
    for thread, failures in speaking:
        thread.join(5)
        assert not failures
    session.interrupt()
    assert session.say(utterance(30_000)) == "taken"
    session.end()
    wait_until(lambda: heard(sink, 30_000) == LENGTH, 10)
    session.stop()
    runner.join(5)
    assert not errors
    assert len(cuts) == 400
    assert said[0] > 100
    pcm = np.concatenate([slot.pcm for slot in sink.slots]).astype(int)
    ends = np.cumsum([0, *(len(slot.pcm) for slot in sink.slots)])
    for at, before in cuts:
        out = set(np.unique(np.abs(pcm[ends[at] :])).tolist())
        assert not out & before, "nothing said before an interrupt comes out after it"
    for number in set(np.unique(np.abs(pcm)).tolist()) - {0}:
        places = np.flatnonzero(np.abs(pcm) == number)
        assert np.array_equal(pcm[places], utterance(number)[: len(places)])


def test_a_reader_gets_at_most_the_frame_on_its_way_to_it() -> None:
    stream, dice = ENGINE.stream(AVATAR, sample_rate=RATE), random.Random(7)  # noqa: S311
    for number in range(200):
        frames, got = stream.push(np.full(2 * RATE, 0.1, np.float32)), []  # type: ignore[var-annotated]
        reader, errors = in_thread(lambda frames=frames, got=got: got.extend(frames))  # type: ignore[misc]
        time.sleep(dice.random() * 0.004)
        stream.interrupt()
        count = len(got)
        reader.join(5)
        assert not errors
        assert len(got) <= count + 1
        assert all(frame.utterance == number + 1 for frame in got)
        assert list(stream.flush()) == []
    assert stream.health().interrupts == 200


def test_a_token_once_ended_stays_so_and_every_older_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    source, over = InterruptSource(), threading.Event()
    seen: list[bool] = []

    class SlowToken(InterruptToken):
        def __init__(self) -> None:
            time.sleep(0.001)  # another interrupt, and whoever looks, gets in between
            super().__init__()

    def watch() -> None:
        drawn: list[InterruptToken] = []
        while not over.is_set():
            token = source.token
            if not drawn or drawn[-1] is not token:
                seen.append(all(older.interrupted for older in drawn))
                drawn.append(token)

    monkeypatch.setattr(interrupt, "InterruptToken", SlowToken)
    watchers = [in_thread(watch) for _ in range(2)]
    hammers = [in_thread(lambda: [source.interrupt() for _ in range(50)]) for _ in range(3)]
    for thread, failures in hammers:
        thread.join(20)
        assert not failures
    over.set()
    for thread, _ in watchers:
        thread.join(5)
    assert source.count == 150
    assert not source.token.interrupted
    assert len(seen) > 100
    assert all(seen)
