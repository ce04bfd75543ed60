"""A show: the sample clock, drops, interrupts from another thread, and an error in every place."""

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
from lipsync_edge.audio.resample import Resampler
from lipsync_edge.errors import UsageError
from lipsync_edge.live import AudioQueue, LiveSession, SessionOptions, SessionOverError, Slot
from lipsync_edge.live.process import Watchdog, resident_bytes
from lipsync_edge.live.slot import Track, to_int16
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.render import composite as blend
from tests.live.fakes import RATE, make_avatar, make_engine, open_stream, speech

ENGINE = make_engine()
AVATAR = make_avatar(ENGINE)


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self, on_write: Callable[[Slot], object] = lambda _: None) -> None:
        self.moments: list[Slot] = []
        self.interrupts = 0
        self.closed = False
        self.on_write = on_write

    def write(self, moment: Slot) -> None:
        self.moments.append(moment)
        self.on_write(moment)

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


def show_of(sink: Any, *, clock: Clock | None = None, **options: Any) -> LiveSession:  # noqa: ANN401
    stream = Stream(ENGINE, AVATAR, sample_rate=RATE)
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
    show = show_of(sink, realtime=False)
    show.say(sound)
    show.finish()
    show.run()
    with open_stream() as stream:
        wanted = [*stream.push(sound), *stream.flush()]
    assert [m.slot for m in sink.moments] == list(range(26))
    assert all(
        m.image_bgr is not None and np.array_equal(m.image_bgr, f.image_bgr)
        for m, f in zip(sink.moments, wanted, strict=True)
    )
    pcm = np.concatenate([m.pcm for m in sink.moments])
    assert np.array_equal(pcm[: len(sound)], to_int16(sound))
    assert not pcm[len(sound) :].any()
    assert sink.closed


def test_two_utterances_do_not_mix() -> None:
    first, second, sink = speech(0.5), speech(0.3, seed=2), Kept()
    show = show_of(sink, realtime=False)
    for sound in (first, second):
        show.say(sound)
        show.end()
    show.finish()
    show.run()
    pcm = np.concatenate([m.pcm for m in sink.moments])
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
    track = Track(rate, fps)
    given_out = sum(track.length(i) for i in range(start, start + slots))  # after up to a month
    assert abs(given_out - slots * rate / fps) < 1
    assert sum(track.length(i) for i in range(slots)) == int(slots * rate / fps)


def test_idle_speech_idle_in_real_time_with_events() -> None:
    clock = Clock()

    def act(moment: Slot) -> None:
        if moment.slot == 5:
            show.say(speech(0.4))
            show.end()
        if moment.slot == 30:
            show.stop()

    sink = Kept(act)
    show = show_of(sink, clock=clock)
    show.run()
    states = [m.state for m in sink.moments]
    assert states[:6] == ["idle"] * 6
    assert states[6:16].count("speech") >= 8
    assert states[-1] == "idle"
    assert [m.event for m in sink.moments if m.event] == ["speech_start", "speech_end"]
    assert clock.now == pytest.approx(100 + 31 / 25)
    assert all(m.image_bgr is not None for m in sink.moments)


def test_late_pictures_are_dropped_and_their_sound_is_not() -> None:
    clock, sound = Clock(), speech(1.0)

    def stall(moment: Slot) -> None:
        if moment.slot == 4:
            clock.now += 0.21
        if moment.slot == 24:
            show.stop()

    sink = Kept(stall)
    show = show_of(sink, clock=clock)
    show.say(sound)
    show.end()
    show.run()
    late = [m.slot for m in sink.moments if m.state == "late"]
    assert late == [5, 6, 7, 8]  # slot 9 is late by less than a slot
    assert all(sink.moments[i].image_bgr is None for i in late)
    assert show.health().dropped == 4
    assert np.array_equal(np.concatenate([m.pcm for m in sink.moments])[: len(sound)], to_int16(sound)[:RATE])
    with open_stream() as stream:  # picture 10 is the one of its own time
        wanted = [*stream.push(sound), *stream.flush()][10].image_bgr
    got = sink.moments[10].image_bgr
    assert got is not None
    assert np.array_equal(got, wanted)


def test_sound_that_stops_coming_starves_then_ends_the_utterance() -> None:
    clock = Clock()
    sink = Kept(lambda m: show.stop() if m.slot == 60 else None)
    show = show_of(sink, clock=clock, gap_s=0.4)
    show.say(speech(0.5))
    show.run()
    states = [m.state for m in sink.moments]
    assert 5 <= states.count("starved") <= 12
    assert states[-10:] == ["idle"] * 10
    said = np.concatenate([m.pcm for m in sink.moments if m.state in ("speech", "silence")])
    assert np.array_equal(said[: RATE // 2], to_int16(speech(0.5)))
    assert show.health().starved == states.count("starved")


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_sound_that_comes_as_it_is_spoken_never_freezes_the_picture(rate: int) -> None:
    sound, piece = to_int16(speech(1.0, rate=rate)), rate // 50
    clock, sink, at = Clock(), Kept(), [0]
    stream = Stream(ENGINE, AVATAR, sample_rate=rate)
    show = LiveSession(stream, sink, SessionOptions(rate=rate), clock=clock, sleep=lambda s: sleep(s))

    def sleep(seconds: float) -> None:
        clock.now += seconds
        while clock.now - 100.2 >= (at[0] + piece) / rate and at[0] < len(sound):
            show.say(sound[at[0] : at[0] + piece])
            at[0] += piece
            if at[0] >= len(sound):
                show.end()
        if clock.now > 102:
            show.stop()

    show.run()
    states = [m.state for m in sink.moments]
    assert "starved" not in states
    assert all(m.image_bgr is not None for m in sink.moments)
    first = next(i for i, state in enumerate(states) if state != "idle")
    came = 0.2 + stream.lookahead_ms / 1000  # when the sound of the first frame was there
    assert came <= first / 25 <= came + 0.02 + 1 / 25  # a piece and a slot later at most
    said = np.concatenate([m.pcm for m in sink.moments if m.state in ("speech", "silence")])
    assert np.array_equal(said[: len(sound)], sound)


def test_a_word_shorter_than_the_look_ahead_is_said_all_the_same() -> None:
    clock, sound = Clock(), to_int16(speech(0.05))
    sink = Kept(lambda m: show.stop() if m.slot == 50 else None)
    show = show_of(sink, clock=clock, gap_s=0.4)
    show.say(sound)
    show.run()
    pcm = np.concatenate([m.pcm for m in sink.moments])
    start = int(np.argmax(pcm != 0)) - int(np.argmax(sound != 0))
    assert np.array_equal(pcm[start : start + len(sound)], sound)


@settings(deadline=None, max_examples=10)
@given(delay=st.floats(0, 0.2))
def test_nothing_of_the_old_utterance_after_interrupt(delay: float) -> None:
    sink = Kept()
    show = show_of(sink)
    thread, errors = in_thread(show.run)
    show.say(np.full(RATE * 3, 0.5, np.float32) * speech(3.0))
    wait_until(lambda: any(m.state == "speech" for m in sink.moments))
    time.sleep(delay)
    show.interrupt()
    before = len(sink.moments)
    time.sleep(0.12)
    show.stop()
    thread.join(2)
    assert not errors
    after = sink.moments[before:]
    assert after
    assert all(m.state in ("idle", "late") and not m.pcm.any() for m in after)
    assert sink.interrupts == 1


def test_a_new_utterance_may_follow_an_interrupt_and_an_old_ticket_not() -> None:
    sink = Kept()
    show = show_of(sink)
    thread, errors = in_thread(show.run)
    ticket = show.ticket
    show.say(speech(2.0), ticket=ticket)
    wait_until(lambda: any(m.state == "speech" for m in sink.moments))
    show.interrupt()
    assert show.say(speech(2.0), ticket=ticket) == "interrupted"
    show.end(ticket)
    before = len(sink.moments)
    sound = speech(0.4, seed=3)
    assert show.say(sound, ticket=show.ticket) == "taken"
    wait_until(lambda: sum(m.state == "speech" for m in sink.moments[before:]) > 2)
    show.stop()
    thread.join(2)
    assert not errors
    pcm = np.concatenate([m.pcm for m in sink.moments[before:] if m.state in ("speech", "silence")])
    assert np.array_equal(pcm[:1000], to_int16(sound)[:1000])


def test_what_is_said_right_after_an_interrupt_is_said_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both may happen while a frame of the old utterance is being made."""
    sink, clock, sound = Kept(), Clock(), to_int16(speech(0.6, seed=3))
    show, render, before = show_of(sink, clock=clock), ENGINE.render, []

    def interrupted(*args: Any) -> Any:  # noqa: ANN401
        frames = render(*args)
        if not before and len(sink.moments) == 10:
            show.interrupt()
            before.append(len(sink.moments))
            show.say(sound)
            show.end()
            show.finish()
        return frames

    monkeypatch.setattr(ENGINE, "render", interrupted)
    show.say(speech(2.0))
    show.run()
    assert before
    pcm = np.concatenate([m.pcm for m in sink.moments[before[0] :]])
    start = int(np.argmax(pcm != 0)) - int(np.argmax(sound != 0))
    assert np.array_equal(pcm[start : start + len(sound)], sound)


def test_an_interrupt_may_come_while_sound_is_being_taken() -> None:
    sink, silent_from, threads = Kept(), [], []
    show = show_of(sink, clock=Clock())

    def interrupt() -> None:
        show.interrupt()
        silent_from.append(len(sink.moments))
        show.finish()

    class Parts(list[Any]):
        def __getitem__(self, at: Any) -> Any:  # noqa: ANN401
            if not threads and len(sink.moments) >= 10:
                threads.append(threading.Thread(target=interrupt))
                threads[0].start()
                threads[0].join(0.2)
            return super().__getitem__(at)

    show._track._parts = Parts()
    show.say(speech(2.0))
    show.run()
    threads[0].join(2)
    assert not any(m.pcm.any() for m in sink.moments[silent_from[0] :])
    assert any(m.pcm.any() for m in sink.moments)


def failing(*_: object) -> Any:  # noqa: ANN401
    raise RuntimeError("broken on purpose")


PLACES = ("sink", "source", "render", "lips", "segment", "blend", "picture", "mel", "resampler")


@pytest.mark.parametrize("place", PLACES)
def test_an_error_anywhere_ends_the_show_on_every_thread(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine()
    stream = Stream(engine, make_avatar(engine), sample_rate=48_000)
    sink = Kept(failing) if place == "sink" else Kept()
    show = LiveSession(stream, sink, SessionOptions(rate=48_000, buffer_s=0.1))
    targets: dict[str, tuple[Any, str]] = {
        "render": (engine, "render"),
        "lips": (engine.networks["lips"].backend, "function"),
        "segment": (engine.networks["segment"].backend, "function"),
        "blend": (blend, "warp_face"),
        "picture": (stream.avatar, "picture"),
        "mel": (MelStream, "push"),
        "resampler": (Resampler, "push"),
    }
    if place in targets:
        monkeypatch.setattr(*targets[place], failing)
    runner, run_errors = in_thread(show.run)
    talker, talk_errors = in_thread(lambda: [show.say(speech(1.0)) for _ in range(50)])
    if place == "source":
        show.finish(RuntimeError("broken on purpose"))
    runner.join(1)
    talker.join(1)
    assert not runner.is_alive()
    assert not talker.is_alive()
    assert "broken on purpose" in str(run_errors[0])
    assert isinstance(talk_errors[0], SessionOverError)
    assert "broken on purpose" in str(talk_errors[0].__cause__)
    assert sink.closed
    assert stream.health().closed
    assert not show.health().on_air


def test_the_inbox_holds_no_more_than_its_limit() -> None:
    box = AudioQueue(100)
    assert box.put(np.zeros(90, np.int16)) == "taken"
    assert box.put(np.zeros(90, np.int16)) == "taken"
    assert box.put(np.zeros(1, np.int16), timeout=0.01) == "full"
    assert box.held == 180
    thread, errors = in_thread(lambda: box.put(np.ones(5, np.int16)))
    box.clear()
    thread.join(1)
    assert not errors
    assert box.held in (0, 5)  # it came before or after the clear, but it did come through
    with pytest.raises(UsageError):
        box.put(np.zeros((2, 2), np.int16))


def test_nothing_waits_for_ever_on_a_closed_inbox() -> None:
    box = AudioQueue(1)
    box.put(np.zeros(2, np.int16))
    thread, errors = in_thread(lambda: box.put(np.zeros(2, np.int16)))
    box.close()
    thread.join(1)
    assert isinstance(errors[0], SessionOverError)


def test_health_tells_a_hanging_sink_and_the_watchdog_bites() -> None:
    stuck, bitten = threading.Event(), threading.Event()
    beats: list[float] = []
    sink = Kept(lambda m: stuck.wait(5) if m.slot == 8 else None)
    show = show_of(sink)
    thread, _ = in_thread(show.run)
    ages: list[float] = []
    with Watchdog(
        lambda: show.health().beat_age_s,
        limit_s=0.4,
        every_s=0.05,
        beat=lambda: beats.append(time.monotonic()),
        hung=lambda age: (ages.append(age), bitten.set()),
    ):
        assert bitten.wait(3)
    assert ages[0] > 0.4
    assert len(beats) > 5
    stuck.set()
    show.stop()
    thread.join(2)
    assert resident_bytes() > 10_000_000
