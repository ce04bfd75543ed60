"""Own mouths end to end, on networks of numpy: films that talk, films that do not, avatars and live streams."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync_edge.audio.alignment import pair
from lipsync_edge.engine import Engine
from lipsync_edge.errors import InputError, ModelError, UsageError
from lipsync_edge.face.landmarks import Landmarker
from lipsync_edge.models.preset import Preset
from lipsync_edge.pipeline.avatar import Avatar, load_avatar
from lipsync_edge.pipeline.film_scan import SCANNED_S, parts
from lipsync_edge.pipeline.live_mouth import resting_mouth
from lipsync_edge.pipeline.mouth_plans import MouthPlans, planned
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.render.exemplars.planner import can_talk
from lipsync_edge.render.exemplars.watcher import Seen, Watcher, gather
from lipsync_edge.render.lips import AudioEncoder, Lips
from lipsync_edge.render.segment import Segmenter
from tests import fakes
from tests.clips import scene, write_clip, write_sound, write_still
from tests.scripted import CORNER, SIDE, SIZE, FaceThere
from tests.video.test_writer import as_opencv_reads

U8 = np.ndarray
LOSSLESS = RunOptions(crf=0)


def talking(index: int, *, talks: bool = True) -> U8:
    """A scene with a dark mouth that opens and shuts."""
    picture = scene(*SIZE, index=index)
    centre = round(CORNER[0] + SIDE / 2), round(CORNER[1] + SIDE * 0.66)
    high = 1 + round(8 * (1 + np.sin(index / 3))) if talks else 1
    cv2.ellipse(picture, centre, (18, high), 0, 0, 360, (10, 10, 10), -1, cv2.LINE_AA)
    return picture


def make_engine(*, whole: bool = True, articulates: bool = False) -> Engine:
    """An engine that can take mouths from other frames, or one that lacks the networks for it."""
    return fakes.engine_of(
        preset=Preset(name="t", description="", detect="d", lips="l", detect_every=1),
        detector=FaceThere(),
        lips=Lips(fakes.warp_lips()),
        segmenter=Segmenter(fakes.regions_segmenter()),
        encoder=AudioEncoder(fakes.loudness_encoder(articulates=articulates)) if whole else None,
        landmarker=Landmarker(fakes.dark_mouth_landmarks()) if whole else None,
    )


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "talks.mp4", [talking(i) for i in range(40)])


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "speech.wav", 1.3)


def pictures(path: Path) -> list[U8]:
    return as_opencv_reads(path)[1]


def test_a_film_that_talks_gives_its_own_mouths(film: Path, speech: Path, tmp_path: Path) -> None:
    result = make_engine().run(film, speech, tmp_path / "own.mp4", options=LOSSLESS)
    assert result.frames == 33
    assert result.exemplars == 40
    assert result.own_mouth > 0.9
    assert 0.9 < result.own_strength <= 1.0
    assert result.stage_s["scan"] > 0
    painted = make_engine().run(
        film, speech, tmp_path / "painted.mp4", options=RunOptions(crf=0, mouth="painted")
    )
    assert (painted.own_mouth, painted.own_strength, painted.exemplars) == (0.0, 0.0, 0)
    own, other = pictures(tmp_path / "own.mp4"), pictures(tmp_path / "painted.mp4")
    assert len(own) == len(other)
    assert any(not np.array_equal(a, b) for a, b in zip(own, other, strict=True))


def test_only_the_lower_face_changes(film: Path, speech: Path, tmp_path: Path) -> None:
    make_engine().run(film, speech, tmp_path / "own.mp4", options=LOSSLESS)
    for before, after in zip(pictures(film), pictures(tmp_path / "own.mp4"), strict=False):
        change = np.abs(before.astype(int) - after).max(2)
        top = round(CORNER[1] + 0.4 * SIDE)
        assert change[:top].max() <= 2
        assert change[:, : CORNER[0]].max() <= 2


@pytest.mark.parametrize("kind", ["still", "silent"])
def test_without_talk_the_pictures_own_lips_are_moved(kind: str, speech: Path, tmp_path: Path) -> None:
    face = tmp_path / ("face.png" if kind == "still" else "face.mp4")
    if kind == "still":
        write_still(face, talking(0, talks=False))
    else:
        write_clip(face, [talking(i, talks=False) for i in range(40)])
    engine = make_engine(whole=kind == "silent")  # a still is painted by the networks alone
    painted = RunOptions(crf=0, mouth="painted")
    without = engine.run(face, speech, tmp_path / "before.mp4", options=painted)
    result = make_engine().run(face, speech, tmp_path / "after.mp4", options=LOSSLESS)
    make_engine().run(face, speech, tmp_path / "painted.mp4", options=painted)
    assert result.own_mouth == without.own_mouth == 0.0
    assert result.exemplars == 0
    before, after = pictures(tmp_path / "before.mp4"), pictures(tmp_path / "after.mp4")
    assert len(before) == len(after) == 33
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    by_name = pictures(tmp_path / "painted.mp4")
    assert all(np.array_equal(a, b) for a, b in zip(before, by_name, strict=True))
    with pytest.raises(InputError, match="own"):
        make_engine().run(face, speech, tmp_path / "o.mp4", options=RunOptions(mouth="own"))


def test_a_still_is_looked_at_once(speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, looked = make_engine(), []
    write_still(tmp_path / "face.png", talking(0))
    look = Watcher.__call__

    def count(self: Watcher, frame_bgr: U8, five_points: np.ndarray) -> Seen:
        looked.append(frame_bgr)
        return look(self, frame_bgr, five_points)

    monkeypatch.setattr(Watcher, "__call__", count)
    assert engine.run(tmp_path / "face.png", speech, tmp_path / "o.mp4", options=LOSSLESS).frames > 9
    assert len(looked) == 1


def test_own_by_name_needs_the_networks(film: Path, speech: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="landmark"):
        make_engine(whole=False).run(film, speech, tmp_path / "o.mp4", options=RunOptions(mouth="own"))


def test_strength_zero_keeps_the_mouth_shut(film: Path, speech: Path, tmp_path: Path) -> None:
    def dark(strength: float) -> float:
        out = tmp_path / f"{strength}.mp4"
        make_engine().run(film, speech, out, options=RunOptions(crf=0, strength=strength))
        x, y = round(CORNER[0] + SIDE / 2), round(CORNER[1] + SIDE * 0.66)
        return float(np.mean([(p[y - 20 : y + 20, x - 3 : x + 3].max(2) < 40).mean() for p in pictures(out)]))

    assert dark(0.0) < 0.4 * dark(1.0)


@pytest.mark.parametrize("wrong", [{"mouth": "mine"}, {"strength": -0.1}, {"strength": 1.6}])
def test_options_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        RunOptions(**wrong)  # type: ignore[arg-type]


def test_a_long_film_is_looked_through_in_parts_of_bounded_length() -> None:
    assert parts(None) == parts(20.0) == [(0.0, SCANNED_S)]
    assert sum(end - start for start, end in parts(3600.0, 5.0)) == pytest.approx(20.0)
    assert sum(end - start for start, end in parts(3600.0, 30.0)) == pytest.approx(60.0)
    long = parts(3600.0)
    assert sum(end - start for start, end in long) == pytest.approx(SCANNED_S)
    assert (long[0][0], long[-1][1]) == (0.0, 3600.0)
    assert all(a[1] < b[0] for a, b in zip(long, long[1:], strict=False))


def prepared(film: Path) -> tuple[Engine, Avatar]:
    engine = make_engine()
    return engine, engine.prepare(film)


def test_an_avatar_carries_its_exemplars(film: Path, tmp_path: Path) -> None:
    engine, avatar = prepared(film)
    assert avatar.library is not None
    assert len(avatar.library) == 40
    avatar.save(tmp_path / "a.avatar")
    again = load_avatar(tmp_path / "a.avatar")
    assert again.library is not None
    for a, b in zip(avatar.library.exemplars, again.library.exemplars, strict=True):
        assert (a.frame, a.picture, a.look.sharpness) == (b.frame, b.picture, b.look.sharpness)
        for name in ("points", "to_picture", "grey", "paste"):
            assert np.array_equal(getattr(a, name), getattr(b, name))
        assert np.array_equal(a.look.thumb, b.look.thumb)
    assert np.array_equal(again.picture(7), avatar.picture(7))
    assert make_engine(whole=False).prepare(film).library is None


def test_an_avatar_cut_short_in_its_exemplars_is_refused(film: Path, tmp_path: Path) -> None:
    _, avatar = prepared(film)
    path = tmp_path / "a.avatar"
    avatar.save(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError):
        load_avatar(path)


@pytest.mark.parametrize("articulates", [False, True])
def test_a_stream_makes_what_a_file_without_lag_would_make(film: Path, articulates: bool) -> None:
    avatar, engine = prepared(film)[1], make_engine(articulates=articulates)
    pcm = (0.1 * np.random.default_rng(0).normal(size=24_000)).astype(np.float32)
    with engine.stream(avatar) as stream:
        live = [f.image_bgr for chunk in np.array_split(pcm, 7) for f in stream.push(chunk)]
        live += [f.image_bgr for f in stream.flush()]
    renderer = engine.renderer
    assert avatar.library is not None
    assert renderer.watcher is not None
    assert renderer.encoder is not None
    frames = pair(avatar.playback(), [pcm], renderer.listen(16_000))
    plans = MouthPlans(renderer.watcher, renderer.encoder, {0: avatar.library}, lag=0)
    whole = [renderer.render([frame])[0].image_bgr for frame in planned(frames, plans)]
    assert len(live) == len(whole) == 38
    assert all(np.array_equal(a, b) for a, b in zip(live, whole, strict=True))


def test_a_stream_may_be_painted_and_says_what_it_lacks(film: Path) -> None:
    engine, avatar = prepared(film)
    pcm = np.full(8000, 0.1, np.float32)
    with engine.stream(avatar, mouth="painted") as painted, engine.stream(avatar) as own:
        a = [f.image_bgr for f in [*painted.push(pcm), *painted.flush()]]
        b = [f.image_bgr for f in [*own.push(pcm), *own.flush()]]
    assert any(not np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    with pytest.raises(UsageError, match="talks"):
        make_engine(whole=False).stream(avatar, mouth="own")
    with pytest.raises(UsageError, match="strength"):
        engine.stream(avatar, strength=2.0)


def noise(length: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).normal(size=length)).astype(np.float32)


def spoken(stream: Stream, pcm: np.ndarray) -> list[U8]:
    frames = [f.image_bgr for chunk in np.array_split(pcm, 7) for f in stream.push(chunk)]
    return frames + [f.image_bgr for f in stream.flush()]


@pytest.mark.parametrize("articulates", [False, True])
def test_a_stream_of_a_film_that_keeps_silent_moves_its_own_lips_as_a_file_does(
    tmp_path: Path, articulates: bool
) -> None:
    engine = make_engine(articulates=articulates)
    avatar = engine.prepare(write_clip(tmp_path / "f.mp4", [talking(i, talks=False) for i in range(40)]))
    assert avatar.library is None
    pcm, renderer = noise(24_000), engine.renderer
    with engine.stream(avatar) as stream:
        live = spoken(stream, pcm)
    assert renderer.watcher is not None
    assert renderer.encoder is not None
    frames = list(pair(avatar.playback(), [pcm], renderer.listen(16_000)))
    silent = gather(
        ((0, renderer.watcher(f.image_bgr, f.faces[0].landmarks)) for f in frames[:1] if f.faces), 9
    )
    assert silent is not None
    assert not can_talk(silent)
    plans = MouthPlans(renderer.watcher, renderer.encoder, {0: silent})  # what a run makes of such a film
    whole = [renderer.render([frame])[0].image_bgr for frame in planned(frames, plans)]
    assert len(live) == len(whole) == 38
    assert all(np.array_equal(a, b) for a, b in zip(live, whole, strict=True))
    with engine.stream(avatar) as stream:  # also when it begins at rest, with pictures that were kept
        list(stream.idle(2 * len(avatar) - 2))
        again = spoken(stream, pcm)
    assert all(np.array_equal(a, b) for a, b in zip(again, whole, strict=True))


def test_what_is_heard_besides_is_seen(tmp_path: Path) -> None:
    film, pcm = write_clip(tmp_path / "f.mp4", [talking(i, talks=False) for i in range(40)]), noise(24_000)
    made = []
    for articulates in (False, True):
        engine = make_engine(articulates=articulates)
        with engine.stream(engine.prepare(film)) as stream:
            made.append(spoken(stream, pcm))
    assert any(not np.array_equal(a, b) for a, b in zip(*made, strict=True))


@pytest.mark.parametrize("talks", [True, False])
def test_a_painted_stream_is_steered_as_a_file_is(talks: bool, tmp_path: Path) -> None:
    engine = make_engine()
    avatar = engine.prepare(write_clip(tmp_path / "f.mp4", [talking(i, talks=talks) for i in range(40)]))
    pcm, renderer = noise(24_000), engine.renderer
    with engine.stream(avatar, mouth="painted") as stream:
        live = spoken(stream, pcm)
    frames = list(pair(avatar.playback(), [pcm], renderer.listen(16_000)))
    assert renderer.landmarker is not None
    rest = resting_mouth(avatar, renderer.landmarker)
    assert rest is not None
    watching, knowing = renderer.guide(), renderer.guide({0: rest})  # as a run does, and as a stream
    assert watching is not None
    assert knowing is not None
    for frame in frames[:-1]:
        watching(frame)
    told = [knowing(frame) for frame in frames]
    asked = [guide(frames[-1]).faces[0].goal for guide in (watching, knowing)]
    assert asked[0] is not None
    assert asked[1] is not None
    assert asked[0].asked == pytest.approx(asked[1].asked, abs=0.01)
    steered = [renderer.render([frame])[0].image_bgr for frame in told]
    plain = [renderer.render([frame])[0].image_bgr for frame in frames]
    assert len(live) == len(steered) == 38
    assert all(np.array_equal(a, b) for a, b in zip(live, steered, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(live, plain, strict=True))


def test_reset_begins_the_same_film_again(film: Path) -> None:
    engine, avatar = prepared(film)
    pcm = (0.1 * np.random.default_rng(1).normal(size=9600)).astype(np.float32)
    with engine.stream(avatar) as stream:
        first = [f.image_bgr for f in [*stream.push(pcm), *stream.flush()]]
        stream.reset()
        again = [f.image_bgr for f in [*stream.push(pcm), *stream.flush()]]
    assert len(first) == 15
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert avatar.fps == Fraction(25)


def test_a_film_that_is_painted_is_told_what_is_asked(film: Path, speech: Path, tmp_path: Path) -> None:
    """The landmarks of a source that talks change what the lip network alone would make of it."""
    told = make_engine().run(film, speech, tmp_path / "a.mp4", options=RunOptions(crf=0, mouth="painted"))
    make_engine(whole=False).run(film, speech, tmp_path / "b.mp4", options=LOSSLESS)
    assert told.stage_s["plan"] > 0
    assert told.own_mouth == 0.0
    a, b = pictures(tmp_path / "a.mp4"), pictures(tmp_path / "b.mp4")
    assert any(not np.array_equal(x, y) for x, y in zip(a, b, strict=True))
