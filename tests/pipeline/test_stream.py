"""Live streams and avatars: equal to the offline path whatever the chunks, interrupted at once, honest about errors."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lipsync_edge
from lipsync_edge.audio.alignment import FeatureStream, frame_count, pair
from lipsync_edge.audio.vad import VadOptions
from lipsync_edge.engine import Engine
from lipsync_edge.errors import InputError, ManifestError, NoFaceError, NoVideoError, OutputError, UsageError
from lipsync_edge.face.align import TEMPLATE
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.preset import Preset
from lipsync_edge.pipeline.avatar import Avatar, AvatarOrigin, load_avatar
from lipsync_edge.pipeline.frame import StreamFrame
from lipsync_edge.pipeline.mouth_plans import MouthPlans, planned
from lipsync_edge.pipeline.prepare import build_avatar
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.pipeline.utterance import CLOSING, CUT_SHORT
from lipsync_edge.render.exemplars.sequence import Resting
from lipsync_edge.render.lips import Lips
from lipsync_edge.render.segment import Segmenter
from lipsync_edge.types import F32, U8, Frame, Rendered
from tests import fakes

RNG = np.random.default_rng(31)
HUE = RNG.integers(0, 200, (64, 80, 3), dtype=np.uint8)
BOX = np.array([10, 5, 70, 60], np.float32)
SPEECH = (RNG.normal(0, 0.1, 24_000) * np.abs(np.sin(np.arange(24_000) / 900))).astype(np.float32)


def make_engine(**changes: Any) -> Engine:  # noqa: ANN401
    preset = Preset(name="t", description="", detect="d", lips="l", **changes)
    return fakes.engine_of(
        preset=preset,
        detector=Detector(fakes.blind_detector()),
        lips=Lips(fakes.warp_lips()),
        segmenter=Segmenter(fakes.regions_segmenter()),
    )


def tracked(count: int, fps: Fraction = Fraction(25)) -> Iterator[Frame]:
    for i in range(count):
        picture = np.clip(HUE.astype(int) + 5 * i, 0, 255).astype(np.uint8)
        points = (TEMPLATE * 50 + (15 + i, 8)).astype(np.float32)
        face = i != 2 or count < 3  # the third frame shows no face
        yield fakes.framed(i, picture, i / fps, BOX if face else None, points if face else None, i == 0)


ENGINE = make_engine()
AVATAR = build_avatar(tracked(6), Fraction(25), AvatarOrigin.of(ENGINE.detector, ENGINE.preset))


def offline(
    sound: F32, avatar: Avatar = AVATAR, *, rate: int = 16_000, fps: Fraction | None = None
) -> list[U8]:
    """What a file of the sound would give: the avatar's frames, paired and rendered one by one."""
    sync = FeatureStream(ENGINE.renderer.lips.audio, rate=rate, vad=VadOptions(), blend=True)
    return [ENGINE.render([frame])[0].image_bgr for frame in pair(avatar.playback(fps), [sound], sync)]


def chunks(sound: F32, sizes: list[int]) -> list[F32]:
    edges = np.minimum(np.cumsum([0, *sizes]), len(sound)).tolist()
    return [sound[a:b] for a, b in zip(edges, [*edges[1:], len(sound)], strict=True)]


def speak(stream: Stream, pieces: list[F32]) -> list[StreamFrame]:
    out: list[StreamFrame] = []
    for piece in pieces:
        out += stream.push(piece)
    return out + list(stream.flush())


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.lists(st.integers(0, 6000), max_size=12),
    length=st.integers(0, len(SPEECH)),
    rate=st.sampled_from([8000, 16_000, 22_050, 48_000]),
    fps=st.sampled_from([None, Fraction(30000, 1001), Fraction(12)]),
)
def test_stream_equals_offline_bit_for_bit(
    sizes: list[int], length: int, rate: int, fps: Fraction | None
) -> None:
    sound = SPEECH[:length]
    with ENGINE.stream(AVATAR, sample_rate=rate, fps=fps) as stream:
        frames = speak(stream, chunks(sound, sizes))
    wanted = offline(sound, rate=rate, fps=fps)
    assert len(frames) == len(wanted) == frame_count(Fraction(length, rate), fps or AVATAR.fps)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(np.array_equal(frame.image_bgr, image) for frame, image in zip(frames, wanted, strict=True))


def test_the_bundled_networks_give_the_same_bits_too() -> None:
    engine = lipsync_edge.load(preset="lite", device="cpu", threads=1)
    avatar = build_avatar(tracked(6), Fraction(25), AvatarOrigin.of(engine.detector, engine.preset))
    assert len(avatar.origin.model_sha256) == 64
    sync = FeatureStream(engine.renderer.lips.audio, vad=VadOptions(), blend=True)
    frames_of_a_file = pair(avatar.playback(), [SPEECH[:9000]], sync)
    renderer, first = engine.renderer, avatar.frame(0, Fraction(0))
    assert renderer.watcher is not None
    assert renderer.encoder is not None
    assert first.faces[0].landmarks is not None
    resting = Resting.of(
        renderer.watcher(first.image_bgr, first.faces[0].landmarks)
    )  # nobody is seen talking
    plans = MouthPlans(renderer.watcher, renderer.encoder, {}, resting={0: resting})
    wanted = [engine.render([frame])[0].image_bgr for frame in planned(frames_of_a_file, plans)]
    with engine.stream(avatar) as stream:
        frames = speak(stream, chunks(SPEECH[:9000], [1, 159, 1280, 4000, 7]))
    assert len(frames) == len(wanted) == 15
    assert all(np.array_equal(frame.image_bgr, image) for frame, image in zip(frames, wanted, strict=True))
    assert any(
        (frame.image_bgr != avatar.frame(i, frame.time).image_bgr).any() for i, frame in enumerate(frames)
    )


def test_one_sample_at_a_time_and_int16() -> None:
    sound = (SPEECH[:4000] * 32767).astype(np.int16)
    with ENGINE.stream(AVATAR) as stream:
        single = speak(stream, [sound[i : i + 1] for i in range(4000)])
    with ENGINE.stream(AVATAR) as stream:
        whole = speak(stream, [sound])
    assert len(single) == len(whole) == 7
    assert all(np.array_equal(a.image_bgr, b.image_bgr) for a, b in zip(single, whole, strict=True))


def test_a_frame_leaves_when_its_sound_is_in() -> None:
    with ENGINE.stream(AVATAR) as stream:
        assert stream.lookahead_ms == 112.5
        given_at = []
        for i in range(0, 16_000, 100):
            given_at += [i + 100] * len(list(stream.push(SPEECH[i : i + 100])))
    for index, samples in enumerate(given_at):
        window_end = (int(80 * Fraction(index, 25)) + 7) * 200 + 400
        assert 0 <= samples - window_end < 100


def test_unread_frames_come_later_and_stay_equal() -> None:
    with ENGINE.stream(AVATAR) as stream:
        stream.push(SPEECH[:8000])
        first = list(islice(stream.push(SPEECH[8000:9000]), 2))
        stream.push(SPEECH[9000:16_000])
        frames = first + list(stream.flush())
    assert [frame.index for frame in frames] == list(range(25))
    assert all(
        np.array_equal(f.image_bgr, image) for f, image in zip(frames, offline(SPEECH[:16_000]), strict=True)
    )


@settings(deadline=None, max_examples=25)
@given(before=st.integers(0, 12_000), read=st.integers(0, 12), pause=st.integers(0, 6))
def test_an_interrupt_leaves_nothing_of_the_old_utterance(before: int, read: int, pause: int) -> None:
    """What comes after an interrupt is what a new stream says, the avatar's own video going on."""
    with ENGINE.stream(AVATAR) as stream:
        old = stream.push(SPEECH[:before])
        heard = list(islice(old, read))
        stream.interrupt()
        assert list(old) == []
        assert list(stream.flush()) == []
        resting = list(stream.idle(pause))
        assert [frame.state for frame in resting] == ["idle"] * pause
        spoken = speak(stream, [SPEECH[12_000:]])
    start = len(heard) + pause
    assert [frame.index for frame in [*heard, *resting, *spoken]] == list(range(start + 19))
    assert {frame.utterance for frame in spoken} == {2}
    sync = FeatureStream(ENGINE.renderer.lips.audio, vad=VadOptions(), blend=True)
    own = (replace_index(AVATAR.frame(start + i, Fraction(start + i, 25)), i) for i in range(100))
    wanted = [ENGINE.render([frame])[0].image_bgr for frame in pair(own, [SPEECH[12_000:]], sync)]
    assert all(np.array_equal(f.image_bgr, image) for f, image in zip(spoken, wanted, strict=True))


def replace_index(frame: Frame, index: int) -> Frame:
    return replace(frame, index=index, time=Fraction(index, 25))


@pytest.mark.parametrize(("is_cut", "closing"), [(False, CLOSING), (True, CUT_SHORT)])
def test_idle_closes_the_mouth_in_a_few_frames_and_lives_on(is_cut: bool, closing: int) -> None:
    made: list[Frame] = []
    engine = make_engine()
    render = engine.renderer.render

    def remember(batch: Any, *rest: Any) -> list[Rendered]:  # noqa: ANN401
        made.extend(batch)
        return render(batch, *rest)

    engine.renderer.render = remember  # type: ignore[method-assign]
    with engine.stream(AVATAR) as stream:
        assert list(stream.idle(0)) == []
        calm = list(stream.idle(3))
        list(islice(stream.push(SPEECH), 20))
        assert list(stream.idle(2)) == []  # sound is still being taken
        if is_cut:
            stream.interrupt()
        else:
            list(stream.flush())
        made.clear()
        rest = list(stream.idle(20))
        heard = [float(frame.faces[0].features.mean()) if frame.faces else None for frame in made]
        made.clear()
        stream.interrupt()  # there is nothing to be cut: the mouth stays shut
        list(stream.idle(5))
    start = rest[0].index
    assert [frame.index for frame in rest] == list(range(start, start + 20))
    loud = [level for level in heard[: closing - 1] if level is not None]  # one frame in ten shows no face
    assert all(a > b for a, b in zip(loud, [*loud[1:], -4.0], strict=True))
    still = [level for level in heard[closing - 1 :] if level is not None]
    assert set(still) == {-4.0}
    # kept when made for the second time: of five positions with a face two were made before anybody spoke
    assert len(still) == 2 * 1 + 3 * 2
    assert not any(frame.faces for frame in made)
    assert calm[0].state == "idle"
    assert np.array_equal(rest[9].image_bgr, rest[19].image_bgr)  # ping-pong of six frames: ten a round


def test_events_and_states() -> None:
    sound = np.concatenate([np.zeros(8000), SPEECH[:8000], np.zeros(16_000)]).astype(np.float32)
    with ENGINE.stream(AVATAR) as stream:
        frames = [*stream.idle(2), *speak(stream, [sound]), *stream.idle(2)]
    events = [(frame.index, frame.event) for frame in frames if frame.event]
    assert [event for _, event in events] == ["speech_start", "speech_end"]
    assert 2 + 9 <= events[0][0] <= 2 + 13
    assert {frame.state for frame in frames} == {"idle", "silence", "speech"}


def test_an_hour_does_not_drift() -> None:
    """Frame 107 892 of 29.97 fps stands at 3600 s; its window begins at column 288 000, to the column."""
    with ENGINE.stream(AVATAR, fps=Fraction(30000, 1001)) as stream:
        stream._index = 107_892
        frame = next(stream.idle())
        assert abs(frame.time - 3600) < Fraction(1, 30)
        stream.push(SPEECH)
        assert stream._utterances._origin == 107_893


def test_reset_begins_anew() -> None:
    with ENGINE.stream(AVATAR) as stream:
        first = speak(stream, [SPEECH])
        list(stream.idle(5))
        stream.reset()
        again = speak(stream, [SPEECH])
    assert [frame.index for frame in again] == [frame.index for frame in first]
    assert all(np.array_equal(a.image_bgr, b.image_bgr) for a, b in zip(first, again, strict=True))


def test_utterances_follow_each_other() -> None:
    with ENGINE.stream(AVATAR) as stream:
        one, two = speak(stream, [SPEECH[:6400]]), speak(stream, [SPEECH[:6400]])
    assert [frame.index for frame in one + two] == list(range(20))
    assert [frame.utterance for frame in one + two] == [1] * 10 + [2] * 10


def test_a_closed_stream_says_so_and_its_iterators_stop() -> None:
    stream = ENGINE.stream(AVATAR)
    frames = stream.push(SPEECH)
    next(frames)
    stream.close()
    stream.close()
    assert list(frames) == []
    for call in (lambda: stream.push(SPEECH), stream.flush, stream.reset, lambda: next(stream.idle())):
        with pytest.raises(UsageError, match="closed"):
            call()
    assert stream.health().closed


def test_health() -> None:
    with ENGINE.stream(AVATAR) as stream:
        assert stream.health().frames == 0
        assert stream.health().compute_p95_ms == 0
        list(stream.push(SPEECH[:8000]))
        health = stream.health()
    assert health.frames == 10
    assert health.pending_audio_s == pytest.approx(0.5 - 10 / 25)
    assert 0 < health.compute_p50_ms <= health.compute_p95_ms
    assert health.last_frame_age_s < 5
    assert (health.error, health.device, health.closed) == ("", "fake", False)


def test_an_error_ends_the_stream_on_every_thread() -> None:
    engine = make_engine()
    stream = engine.stream(AVATAR)
    frames = stream.push(SPEECH)
    next(frames)

    def broken(*_: Any) -> list[Rendered]:  # noqa: ANN401
        raise RuntimeError("the middle fell out")

    engine.renderer.render = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="middle"):
        next(frames)
    caught: list[Exception] = []

    def elsewhere() -> None:
        try:
            stream.push(SPEECH)
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(1)
    assert not thread.is_alive()
    assert len(caught) == 1
    assert "middle" in stream.health().error


def test_an_interrupt_does_not_wait_for_the_frame_being_made() -> None:
    engine = make_engine()
    stream = engine.stream(AVATAR)
    inside, go = threading.Event(), threading.Event()
    render = engine.renderer.render

    def slow(*frames: Any) -> list[Rendered]:  # noqa: ANN401
        inside.set()
        assert go.wait(5)
        return render(*frames)

    engine.renderer.render = slow  # type: ignore[method-assign]
    got: list[StreamFrame] = []
    reader = threading.Thread(target=lambda: got.extend(stream.push(SPEECH)))
    reader.start()
    assert inside.wait(5)
    began = time.monotonic()
    stream.interrupt()
    stream.health()
    assert time.monotonic() - began < 1
    go.set()
    reader.join(5)
    assert got == []


def test_a_picture_with_nobody_moving() -> None:
    avatar = build_avatar(tracked(1), Fraction(25), AvatarOrigin.of(ENGINE.detector, ENGINE.preset))
    with ENGINE.stream(avatar, fps=30) as stream:
        assert len(speak(stream, [SPEECH[:8000]])) == 15


@pytest.mark.parametrize("fps", [0, -5, 1000])
def test_absurd_rates_are_refused(fps: int) -> None:
    with pytest.raises(UsageError, match="frames a second"):
        ENGINE.stream(AVATAR, fps=fps)


def test_ping_pong_by_hand() -> None:
    at = [AVATAR.position(Fraction(i, 25)) for i in range(14)]
    assert at == [0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, 1, 2, 3]
    assert [AVATAR.position(Fraction(i, 50)) for i in range(6)] == [0, 0, 1, 1, 2, 2]
    assert AVATAR.duration == Fraction(6, 25)


def test_an_avatar_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "ünï côde.v1.avatar"
    AVATAR.save(path)
    began = time.perf_counter()
    loaded = load_avatar(path)
    assert time.perf_counter() - began < 0.2
    assert (len(loaded), loaded.fps, loaded.size, loaded.origin) == (6, Fraction(25), (80, 64), AVATAR.origin)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    for a, b in zip(islice(AVATAR.playback(), 6), islice(loaded.playback(), 6), strict=True):
        assert np.array_equal(a.image_bgr, b.image_bgr)
        assert (not a.faces) == (not b.faces) == (a.index == 2)
        assert not a.faces or np.array_equal(fakes.landmarks_of(a), fakes.landmarks_of(b))  # type: ignore[arg-type]


def test_the_pictures_are_nearly_those_of_the_video() -> None:
    for a, b in zip(tracked(6), islice(AVATAR.playback(), 6), strict=True):
        assert np.abs(a.image_bgr.astype(int) - b.image_bgr).mean() < 3  # noise, the worst case for a JPEG


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b"hello", lambda b: b[:-1], lambda b: b[:40], lambda b: b"X" + b[1:]]
)
def test_damaged_files_are_refused(tmp_path: Path, damage: Any) -> None:  # noqa: ANN401
    path = tmp_path / "a.avatar"
    AVATAR.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="avatar"):
        load_avatar(path)


def test_missing_places(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="avatar"):
        load_avatar(tmp_path / "none")
    with pytest.raises(OutputError):
        AVATAR.save(tmp_path / "no folder" / "a.avatar")


def test_a_stale_avatar_is_refused() -> None:
    with pytest.raises(ManifestError, match="prepare the face again"):
        make_engine(detect_side=640).stream(AVATAR)
    for field in ("spec_digest", "model_sha256"):
        stale = build_avatar(tracked(2), Fraction(25), replace(AVATAR.origin, **{field: "0" * 64}))
        with pytest.raises(ManifestError, match=field):
            ENGINE.stream(stale)


def test_nothing_to_prepare() -> None:
    origin = AvatarOrigin.of(ENGINE.detector, ENGINE.preset)
    with pytest.raises(NoVideoError):
        build_avatar([], Fraction(25), origin)
    faceless = [fakes.framed(0, HUE, Fraction(0), shot_start=True)]
    with pytest.raises(NoFaceError):
        build_avatar(faceless, Fraction(25), origin)
