"""A live session: the sample clock, drops, interrupts from another thread, and an error in every place."""

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipsync_edge.audio.mel import MelStream
from lipsync_edge.audio.resample import Resampler, to_int16
from lipsync_edge.live import LiveSession, SessionOptions, SessionOverError, Slot
from lipsync_edge.live.process import Watchdog
from lipsync_edge.live.slot import PlayoutBuffer
from lipsync_edge.machine import resident_bytes
from lipsync_edge.render import composite as blend
from tests.live.fakes import RATE, make_avatar, make_engine, open_stream, speech

ENGINE = make_engine()
AVATAR = make_avatar(ENGINE)


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self, on_write: Callable[[Slot], object] = lambda _: None) -> None:
        self.slots: list[Slot] = []
        self.interrupts = 0
        self.closed = False
        self.on_write = on_write

    def write(self, slot: Slot) -> None:
        self.slots.append(slot)
        self.on_write(slot)

    def interrupt(self) -> None:
        self.interrupts += 1

    def close(self) -> None:
        self.closed = True


class Clock:
    """A clock that only moves when something sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def session_with(sink: Any, *, clock: Clock | None = None, **options: Any) -> LiveSession:  # noqa: ANN401
    stream = ENGINE.stream(AVATAR, sample_rate=RATE)
    if clock is None:
        return LiveSession(stream, sink, SessionOptions(rate=RATE, **options))
    return LiveSession(stream, sink, SessionOptions(rate=RATE, **options), clock=clock, sleep=clock.sleep)


def wait_until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.002)


def in_thread(call: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def body() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - the tests look at whatever it was
            errors.append(error)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    return thread, errors


def test_a_file_comes_out_whole_and_in_step() -> None:
    sound, sink = speech(1.03), Kept()
    session = session_with(sink, realtime=False)
    session.say(sound)
    session.finish()
    session.run()
    with open_stream() as stream:
        wanted = [*stream.push(sound), *stream.flush()]
    assert [m.index for m in sink.slots] == list(range(26))
    assert all(
        m.image_bgr is not None and np.array_equal(m.image_bgr, f.image_bgr)
        for m, f in zip(sink.slots, wanted, strict=True)
    )
    pcm = np.concatenate([m.pcm for m in sink.slots])
    assert np.array_equal(pcm[: len(sound)], to_int16(sound))
    assert not pcm[len(sound) :].any()
    assert sink.closed


def test_two_utterances_do_not_mix() -> None:
    first, second, sink = speech(0.5), speech(0.3, seed=2), Kept()
    session = session_with(sink, realtime=False)
    for sound in (first, second):
        session.say(sound)
        session.end()
    session.finish()
    session.run()
    pcm = np.concatenate([m.pcm for m in sink.slots])
    start = 13 * RATE // 25  # the second begins with the next frame
    assert np.array_equal(pcm[start : start + len(second)], to_int16(second))


@settings(deadline=None, max_examples=50)
@given(
    rate=st.integers(4000, 96_000),
    fps=st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(24)]),
    slots=st.integers(1, 400),
    start=st.integers(0, 25 * 3600 * 24 * 30),
)
def test_the_sound_of_n_slots_never_drifts(rate: int, fps: Fraction, slots: int, start: int) -> None:
    buffer = PlayoutBuffer(rate, fps)
    given_out = sum(buffer.length(i) for i in range(start, start + slots))  # after up to a month
    assert abs(given_out - slots * rate / fps) < 1
    assert sum(buffer.length(i) for i in range(slots)) == int(slots * rate / fps)


def test_idle_speech_idle_in_real_time_with_events() -> None:
    clock = Clock()

    def act(slot: Slot) -> None:
        if slot.index == 5:
            session.say(speech(0.4))
            session.end()
        if slot.index == 30:
            session.stop()

    sink = Kept(act)
    session = session_with(sink, clock=clock)
    session.run()
    states = [m.state for m in sink.slots]
    assert states[:6] == ["idle"] * 6
    assert states[6:16].count("speech") >= 8
    assert states[-1] == "idle"
    assert [m.event for m in sink.slots if m.event] == ["speech_start", "speech_end"]
    assert clock.now == pytest.approx(100 + 31 / 25)
    assert all(m.image_bgr is not None for m in sink.slots)


def test_late_pictures_are_dropped_and_their_sound_is_not() -> None:
    clock, sound = Clock(), speech(1.0)

    def stall(slot: Slot) -> None:
        if slot.index == 4:
            clock.now += 0.21
        if slot.index == 24:
            session.stop()

    sink = Kept(stall)
    session = session_with(sink, clock=clock)
    session.say(sound)
    session.end()
    session.run()
    late = [m.index for m in sink.slots if m.state == "late"]
    assert late == [5, 6, 7, 8]  # slot 9 is late by less than a slot
    assert all(sink.slots[i].image_bgr is None for i in late)
    assert session.health().dropped == 4
    assert np.array_equal(np.concatenate([m.pcm for m in sink.slots])[: len(sound)], to_int16(sound)[:RATE])
    with open_stream() as stream:  # picture 10 is the one of its own time
        wanted = [*stream.push(sound), *stream.flush()][10].image_bgr
    got = sink.slots[10].image_bgr
    assert got is not None
    assert np.array_equal(got, wanted)


def test_sound_that_stops_coming_starves_then_ends_the_utterance() -> None:
    clock = Clock()
    sink = Kept(lambda m: session.stop() if m.index == 60 else None)
    session = session_with(sink, clock=clock, gap_s=0.4)
    session.say(speech(0.5))
    session.run()
    states = [m.state for m in sink.slots]
    assert 5 <= states.count("starved") <= 12
    assert states[-10:] == ["idle"] * 10
    said = np.concatenate([m.pcm for m in sink.slots if m.state in ("speech", "silence")])
    assert np.array_equal(said[: RATE // 2], to_int16(speech(0.5)))
    assert session.health().starved == states.count("starved")


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_sound_that_comes_as_it_is_spoken_never_freezes_the_picture(rate: int) -> None:
    sound, piece = to_int16(speech(1.0, rate=rate)), rate // 50
    clock, sink, at = Clock(), Kept(), [0]
    stream = ENGINE.stream(AVATAR, sample_rate=rate)
    session = LiveSession(stream, sink, SessionOptions(rate=rate), clock=clock, sleep=lambda s: sleep(s))

    def sleep(seconds: float) -> None:
        clock.now += seconds
        while clock.now - 100.2 >= (at[0] + piece) / rate and at[0] < len(sound):
            session.say(sound[at[0] : at[0] + piece])
            at[0] += piece
            if at[0] >= len(sound):
                session.end()
        if clock.now > 102:
            session.stop()

    session.run()
    states = [m.state for m in sink.slots]
    assert "starved" not in states
    assert all(m.image_bgr is not None for m in sink.slots)
    first = next(i for i, state in enumerate(states) if state != "idle")
    came = 0.2 + stream.lookahead_ms / 1000  # when the sound of the first frame was there
    assert came <= first / 25 <= came + 0.02 + 1 / 25  # a piece and a slot later at most
    said = np.concatenate([m.pcm for m in sink.slots if m.state in ("speech", "silence")])
    assert np.array_equal(said[: len(sound)], sound)


def test_a_word_shorter_than_the_look_ahead_is_said_all_the_same() -> None:
    clock, sound = Clock(), to_int16(speech(0.05))
    sink = Kept(lambda m: session.stop() if m.index == 50 else None)
    session = session_with(sink, clock=clock, gap_s=0.4)
    session.say(sound)
    session.run()
    pcm = np.concatenate([m.pcm for m in sink.slots])
    start = int(np.argmax(pcm != 0)) - int(np.argmax(sound != 0))
    assert np.array_equal(pcm[start : start + len(sound)], sound)


@settings(deadline=None, max_examples=10)
@given(delay=st.floats(0, 0.2))
def test_nothing_of_the_old_utterance_after_interrupt(delay: float) -> None:
    sink = Kept()
    session = session_with(sink)
    thread, errors = in_thread(session.run)
    session.say(np.full(RATE * 3, 0.5, np.float32) * speech(3.0))
    wait_until(lambda: any(m.state == "speech" for m in sink.slots))
    time.sleep(delay)
    session.interrupt()
    before = len(sink.slots)
    wait_until(lambda: len(sink.slots) > before + 2)
    session.stop()
    thread.join(2)
    assert not errors
    after = sink.slots[before:]
    assert after
    assert all(m.state in ("idle", "late") and not m.pcm.any() for m in after)
    assert sink.interrupts == 1


def test_a_new_utterance_may_follow_an_interrupt_and_an_old_token_not() -> None:
    sink = Kept()
    session = session_with(sink)
    thread, errors = in_thread(session.run)
    token = session.token
    session.say(speech(2.0), token=token)
    wait_until(lambda: any(m.state == "speech" for m in sink.slots))
    session.interrupt()
    assert session.say(speech(2.0), token=token) == "interrupted"
    session.end(token)
    before = len(sink.slots)
    sound = speech(0.4, seed=3)
    assert session.say(sound, token=session.token) == "taken"
    wait_until(lambda: sum(m.state == "speech" for m in sink.slots[before:]) > 2)
    session.stop()
    thread.join(2)
    assert not errors
    pcm = np.concatenate([m.pcm for m in sink.slots[before:] if m.state in ("speech", "silence")])
    assert np.array_equal(pcm[:1000], to_int16(sound)[:1000])


def test_what_is_said_right_after_an_interrupt_is_said_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both may happen while a frame of the old utterance is being made."""
    sink, clock, sound = Kept(), Clock(), to_int16(speech(0.6, seed=3))
    session, render, before = session_with(sink, clock=clock), ENGINE.renderer.render, []

    def interrupted(*args: Any) -> Any:  # noqa: ANN401
        frames = render(*args)
        if not before and len(sink.slots) == 10:
            session.interrupt()
            before.append(len(sink.slots))
            session.say(sound)
            session.end()
            session.finish()
        return frames

    monkeypatch.setattr(ENGINE.renderer, "render", interrupted)
    session.say(speech(2.0))
    session.run()
    assert before
    pcm = np.concatenate([m.pcm for m in sink.slots[before[0] :]])
    start = int(np.argmax(pcm != 0)) - int(np.argmax(sound != 0))
    assert np.array_equal(pcm[start : start + len(sound)], sound)


def test_an_interrupt_may_come_while_sound_is_being_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    sink, silent_from, threads, take = Kept(), [], [], PlayoutBuffer.take
    session = session_with(sink, clock=Clock())

    def interrupt() -> None:
        session.interrupt()
        silent_from.append(len(sink.slots))
        session.finish()

    def interrupted(buffer: PlayoutBuffer, index: int) -> Any:  # noqa: ANN401
        if not threads and index >= 10:
            threads.append(threading.Thread(target=interrupt))
            threads[0].start()
            threads[0].join(0.2)
        return take(buffer, index)

    monkeypatch.setattr(PlayoutBuffer, "take", interrupted)
    session.say(speech(2.0))
    sink.on_write = lambda slot: session.stop() if slot.index == 40 else None
    session.run()
    threads[0].join(2)
    assert not any(m.pcm.any() for m in sink.slots[silent_from[0] :])
    assert any(m.pcm.any() for m in sink.slots)


def failing(*_: object) -> Any:  # noqa: ANN401
    raise RuntimeError("broken on purpose")


PLACES = ("sink", "source", "render", "lips", "segment", "blend", "picture", "mel", "resampler")


@pytest.mark.parametrize("place", PLACES)
def test_an_error_anywhere_ends_the_session_on_every_thread(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    stream = engine.stream(make_avatar(engine), sample_rate=48_000)
    sink = Kept(failing) if place == "sink" else Kept()
    session = LiveSession(stream, sink, SessionOptions(rate=48_000, buffer_s=0.1))
    targets: dict[str, tuple[Any, str]] = {
        "render": (engine.renderer, "render"),
        "lips": (engine.networks["lips"].backend, "function"),
        "segment": (engine.networks["segment"].backend, "function"),
        "blend": (blend, "warp_face"),
        "picture": (stream.avatar, "picture"),
        "mel": (MelStream, "push"),
        "resampler": (Resampler, "push"),
    }
    if place in targets:
        monkeypatch.setattr(*targets[place], failing)
    runner, run_errors = in_thread(session.run)
    producer, put_errors = in_thread(lambda: [session.say(speech(1.0)) for _ in range(50)])
    if place == "source":
        session.finish(RuntimeError("broken on purpose"))
    runner.join(1)
    producer.join(1)
    assert not runner.is_alive()
    assert not producer.is_alive()
    assert "broken on purpose" in str(run_errors[0])
    assert isinstance(put_errors[0], SessionOverError)
    assert "broken on purpose" in str(put_errors[0].__cause__)
    assert sink.closed
    assert stream.health().closed
    assert not session.health().running


def test_health_tells_a_hanging_sink_and_the_watchdog_bites() -> None:
    stuck, bitten = threading.Event(), threading.Event()
    beats: list[float] = []
    sink = Kept(lambda m: stuck.wait(5) if m.index == 8 else None)
    session = session_with(sink)
    thread, _ = in_thread(session.run)
    ages: list[float] = []
    with Watchdog(
        lambda: session.health().heartbeat_age_s,
        limit_s=0.4,
        every_s=0.05,
        beat=lambda: beats.append(time.monotonic()),
        hung=lambda age: (ages.append(age), bitten.set()),
    ):
        assert bitten.wait(3)
    assert ages[0] > 0.4
    assert len(beats) > 5
    stuck.set()
    session.stop()
    thread.join(2)
    assert resident_bytes() > 10_000_000
