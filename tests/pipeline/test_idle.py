"""At rest: what repeats is made once, and not one pixel differs from a stream that makes everything."""

from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import lipsync_edge
from lipsync_edge.engine import Engine
from lipsync_edge.pipeline.avatar import Avatar, AvatarOrigin
from lipsync_edge.pipeline.frame import StreamFrame
from lipsync_edge.pipeline.picture import Kept
from lipsync_edge.pipeline.prepare import build_avatar
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.types import U8, Rendered
from tests import fakes
from tests.clips import write_clip
from tests.live.fakes import FPS, make_avatar, speech
from tests.live.fakes import make_engine as painted_engine
from tests.pipeline import test_own_mouth as own_mouth

SOUND = speech(0.5)


def painted(_: Path) -> tuple[Engine, Avatar]:
    engine = painted_engine()
    return engine, make_avatar(engine, side=160)


def own(folder: Path) -> tuple[Engine, Avatar]:
    engine = own_mouth.make_engine()
    film = write_clip(folder / "talks.mp4", [own_mouth.talking(i) for i in range(20)])
    return engine, engine.prepare(film)


def bundled(_: Path) -> tuple[Engine, Avatar]:
    """The bundled networks and face, moved about in front of a wall much larger than it."""
    engine = lipsync_edge.load(preset="lite", device="cpu", threads=1)
    face = cv2.imread(str(Path(lipsync_edge.__file__).parent / "assets" / "face.jpg"))
    small = cv2.resize(face, (300, 300), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(1).integers(0, 255, (540, 960, 3), dtype=np.uint8)
    still = engine.prepare(Path(lipsync_edge.__file__).parent / "assets" / "face.jpg")
    first = still.face(0)
    assert first is not None
    assert first.landmarks is not None
    scale = 300 / np.array([face.shape[1], face.shape[0]])

    def tracked() -> Any:
        for i in range(3):
            picture, corner = noise.copy(), np.array([400 + 7 * i, 130 + 5 * i])
            picture[corner[1] : corner[1] + 300, corner[0] : corner[0] + 300] = small
            box = (first.box_xyxy.reshape(2, 2) * scale + corner).ravel().astype(np.float32)
            points = (first.landmarks * scale + corner).astype(np.float32)
            yield fakes.framed(i, picture, i / FPS, box, points, i == 0)

    return engine, build_avatar(tracked(), FPS, AvatarOrigin.of(engine.detector, engine.preset))


MAKERS = [painted, own, bundled]


def live(stream: Stream, take: Callable[[StreamFrame], object] = lambda frame: frame.image_bgr) -> list[Any]:
    """Idle for some rounds, speak, be interrupted, speak again."""
    out = [take(frame) for frame in stream.idle(60)]
    out += [take(frame) for frame in stream.push(SOUND)]
    out += [take(frame) for frame in stream.flush()]
    out += [take(frame) for frame in stream.idle(70)]
    out += [take(frame) for frame in islice(stream.push(SOUND), 5)]
    stream.interrupt()
    out += [take(frame) for frame in stream.idle(45)]
    out += [take(frame) for frame in stream.push(SOUND)]
    return out + [take(frame) for frame in stream.flush()]


def forgetting(stream: Stream) -> Stream:
    """The same stream with nothing kept and nothing made in part."""
    plain = Stream(stream.renderer, stream.avatar, fps=stream.fps, kept=Kept(0))
    ask = plain._pictures.ask

    def whole(*args: Any, **options: Any) -> Any:
        plain._pictures._last = None
        return ask(*args, **options)

    plain._pictures.ask = whole  # type: ignore[method-assign]
    return plain


@pytest.mark.parametrize("maker", MAKERS)
def test_pixels_equal_those_of_a_stream_that_keeps_nothing(maker: Any, tmp_path: Path) -> None:
    engine, avatar = maker(tmp_path)
    with engine.stream(avatar) as stream, forgetting(stream) as plain, stream.again() as third:
        wanted = live(plain)
        assert all(np.array_equal(a, b) for a, b in zip(live(stream), wanted, strict=True))
        assert stream.kept.held > 0
        # only the face is decoded while nobody asks for pixels; a stream that shares what is kept is no different
        frames = live(third, lambda frame: frame)
        assert all(np.array_equal(a.image_bgr, b) for a, b in zip(frames, wanted, strict=True))


@pytest.mark.parametrize("maker", MAKERS)
def test_jpegs_are_those_of_the_whole_pictures(maker: Any, tmp_path: Path) -> None:
    engine, avatar = maker(tmp_path)
    with engine.stream(avatar) as stream, forgetting(stream) as plain:
        got = live(stream, lambda frame: frame.picture.jpeg(85))
        wanted = live(plain, lambda frame: frame.image_bgr)
    seen = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for jpeg in got]
    ideal = [encoded_and_decoded(picture) for picture in wanted]
    assert all(np.array_equal(a, b) for a, b in zip(seen, ideal, strict=True))


def encoded_and_decoded(picture: U8) -> U8:
    jpeg = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, 85))[1]
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def counting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    render = engine.renderer.render

    def counted(frames: Any, *rest: Any) -> list[Rendered]:
        calls.append(len(frames))
        return render(frames, *rest)

    monkeypatch.setattr(engine.renderer, "render", counted)
    return calls


@pytest.mark.parametrize("maker", [painted, own])
def test_at_rest_nothing_is_made_or_decoded_any_more(
    maker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, avatar = maker(tmp_path)
    with engine.stream(avatar) as stream:
        live(stream, lambda frame: frame.picture.jpeg(85))
        list(frame.picture.jpeg(85) for frame in stream.idle(4 * len(avatar)))
        calls = counting(engine, monkeypatch)
        for name in ("picture", "part"):
            monkeypatch.setattr(avatar, name, None)
        before = stream._index
        sizes = [len(frame.picture.jpeg(85)) for frame in stream.idle(4 * len(avatar))]
    assert min(sizes) > 100
    assert stream._index == before + len(sizes)
    assert calls == []


def test_what_finds_no_room_is_made_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, avatar = painted(Path())
    calls = counting(engine, monkeypatch)
    with Stream(engine.renderer, avatar, kept=Kept(1_000)) as stream:
        sizes = {len(frame.picture.jpeg(85)) for frame in stream.idle(50)}
        assert stream.kept.held <= 1_000
    assert len(calls) > 40
    assert len(sizes) <= len(avatar)


def test_a_still_picture_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = painted_engine()
    avatar = make_avatar(engine, frames=1)
    with engine.stream(avatar) as stream:
        first = [frame.image_bgr for frame in stream.idle(3)]
        monkeypatch.setattr(cv2, "imdecode", None)
        again = [frame.image_bgr for frame in stream.idle(3)]
    assert all(np.array_equal(first[0], picture) for picture in first + again)


def test_an_avatar_without_tiles_is_decoded_whole() -> None:
    engine, avatar = painted(Path())
    plain = [
        cv2.imencode(".jpg", avatar.picture(i), (cv2.IMWRITE_JPEG_QUALITY, 97))[1].tobytes() for i in range(6)
    ]
    old = Avatar(
        fps=Fraction(25),
        size=avatar.size,
        origin=avatar.origin,
        faces=avatar.faces,
        offsets=np.cumsum([0, *map(len, plain)]).astype(np.int64),
        data=b"".join(plain),
    )
    with engine.stream(old) as stream, forgetting(stream) as whole:
        got = live(stream, lambda frame: frame)
        wanted = live(whole)
    assert all(np.array_equal(a.image_bgr, b) for a, b in zip(got, wanted, strict=True))
