"""Sinks of a live session: raw frames, media with true colours and sound in step, a window."""

import io
import os
import socket
import threading
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.live import Slot
from lipsync_edge.live.sinks import MediaSink, RawSink, WindowSink, container_of
from lipsync_edge.live.slot import PlayoutBuffer
from lipsync_edge.pipeline.picture import WholePicture
from lipsync_edge.video.color import STILL_COLOR, ColorTags
from tests.live.fakes import RATE, speech

SOUND = to_int16(speech(1.0))


def make_slot(index: int, value: int | None, state="speech", samples: int = 640) -> Slot:
    picture = None if value is None else WholePicture(np.full((48, 65, 3), value, np.uint8))
    return Slot(index, Fraction(index, 25), np.full(samples, 1000, np.int16), picture, state)


def test_raw_frames_repeat_a_starved_slot_and_leave_a_late_one_out() -> None:
    file = io.BytesIO()
    sink = RawSink(file)
    for item in (make_slot(0, 1), make_slot(1, None, "starved"), make_slot(2, None, "late"), make_slot(3, 4)):
        sink.write(item)
    sink.close()
    frames = np.frombuffer(file.getvalue(), np.uint8).reshape(-1, 48 * 65 * 3)
    assert frames[:, 0].tolist() == [1, 1, 4]


def test_raw_frames_into_a_closed_pipe_are_an_output_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
        sink = RawSink(file)
        with pytest.raises(OutputError, match="reader of the frames"):
            sink.write(make_slot(0, 1))
        sink.close()


@pytest.mark.parametrize("container", ["mpegts", "mp4"])
def test_a_media_stream_holds_pictures_and_sound_in_step(container: str) -> None:
    file = io.BytesIO()
    sink = MediaSink(file, container=container, size=(65, 48), fps=Fraction(25), rate=RATE)
    for slot in range(50):
        sink.write(
            make_slot(slot, None if slot in (10, 11) else 5 * slot, "late" if slot in (10, 11) else "speech")
        )
    sink.close()
    with av.open(io.BytesIO(file.getvalue())) as media:
        video = list(media.decode(video=0))
        assert (video[0].width, video[0].height) == (66, 48)
    with av.open(io.BytesIO(file.getvalue())) as media:
        audio = list(media.decode(audio=0))
    times = [float(f.time - video[0].time) for f in video]
    assert times == pytest.approx([i / 25 for i in range(50) if i not in (10, 11)], abs=2e-3)
    heard = sum(f.samples for f in audio) / RATE
    assert heard == pytest.approx(2.0, abs=0.15)
    assert abs(float(audio[0].time - video[0].time)) < 0.1


def as_tagged(frame: av.VideoFrame) -> np.ndarray:
    """The mean colour of a limited-range 4:2:0 picture by the matrix that it is tagged with, BGR 0…255."""
    assert frame.color_range == 1
    red, blue = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}[
        frame.colorspace
    ]
    planes = [np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size) for plane in frame.planes]
    y, u, v = (float(p[4:-4, 4 : frame.width // 2 - 4].mean()) for p in planes)
    luma, cb, cr = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    return 255 * np.array([b, (luma - red * r - blue * b) / (1 - red - blue), r])


def live_video(container: str, size: tuple[int, int], bgr: tuple[int, int, int], color: ColorTags) -> bytes:
    file = io.BytesIO()
    sink = MediaSink(file, container=container, size=size, fps=Fraction(25), rate=RATE, color=color)
    image = np.full((size[1], size[0], 3), bgr, np.uint8)
    for index in range(5):
        sink.write(Slot(index, Fraction(index, 25), np.zeros(640, np.int16), WholePicture(image), "idle"))
    sink.close()
    return file.getvalue()


@pytest.mark.parametrize("container", ["mpegts", "mp4", "flv"])
@pytest.mark.parametrize("size", [(1280, 720), (320, 240), (321, 241)], ids=str)
@pytest.mark.parametrize("bgr", [(62, 62, 190), (200, 60, 30), (40, 180, 90)], ids=["red", "blue", "green"])
def test_colours_come_out_as_they_went_in_and_are_tagged(
    container: str, size: tuple[int, int], bgr: tuple[int, int, int]
) -> None:
    data = live_video(container, size, bgr, STILL_COLOR)
    with av.open(io.BytesIO(data)) as media:
        frame = next(media.decode(video=0))
        context = media.streams.video[0].codec_context
        assert (frame.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
    assert (frame.width, frame.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert as_tagged(frame) == pytest.approx(bgr, abs=2)


@pytest.mark.parametrize(
    ("source", "stated"),
    [
        (ColorTags(), (1, 1, 1)),
        (ColorTags(6, 1, 6, 6), (6, 6, 6)),
        (ColorTags(5, 2, 5, 6), (5, 5, 6)),
        (ColorTags(9, 1, 9, 16), (9, 9, 16)),
        (ColorTags(0, 2, 1, 13), (1, 1, 13)),
    ],
    ids=["untagged", "bt601", "full-range", "bt2020-pq", "rgb"],
)
def test_the_source_says_what_the_pictures_are_tagged_with(
    source: ColorTags, stated: tuple[int, int, int]
) -> None:
    data = live_video("mpegts", (320, 240), (62, 62, 190), source)
    with av.open(io.BytesIO(data)) as media:
        frame = next(media.decode(video=0))
        context = media.streams.video[0].codec_context
        assert (frame.colorspace, context.color_primaries, context.color_trc) == stated
    assert as_tagged(frame) == pytest.approx((62, 62, 190), abs=2)


@pytest.mark.parametrize("rate", [8000, 18_001, 96_000])
def test_sound_of_any_rate_that_live_takes_is_encoded(rate: int) -> None:
    file = io.BytesIO()
    sink = MediaSink(file, container="mpegts", size=(64, 48), fps=Fraction(25), rate=rate)
    buffer = PlayoutBuffer(rate, Fraction(25))
    for index in range(25):
        sink.write(make_slot(index, 5 * index, samples=buffer.length(index)))
    sink.close()
    with av.open(io.BytesIO(file.getvalue())) as media:
        length = sum(frame.samples / frame.sample_rate for frame in media.decode(audio=0))
    assert length == pytest.approx(1.0, abs=0.3)


def test_a_stream_over_udp_arrives_whole() -> None:
    received: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(1.0)
        address = f"udp://127.0.0.1:{listening.getsockname()[1]}?pkt_size=1316"

        def listen() -> None:
            with suppress(TimeoutError):
                while True:
                    received.append(listening.recv(1 << 16))

        listener = threading.Thread(target=listen)
        listener.start()
        sink = MediaSink(address, container="mpegts", size=(65, 48), fps=Fraction(25), rate=RATE)
        for slot in range(50):
            sink.write(make_slot(slot, 5 * slot))
        sink.close()
        listener.join(20)
    assert not listener.is_alive()
    assert max(len(packet) for packet in received) <= 1316
    with av.open(io.BytesIO(b"".join(received)), format="mpegts") as media:
        frames = list(media.decode(video=0, audio=0))
    pictures = [f for f in frames if isinstance(f, av.VideoFrame)]
    heard = sum(f.samples for f in frames if isinstance(f, av.AudioFrame)) / RATE
    assert len(pictures) == 50
    assert float(pictures[-1].time - pictures[0].time) == pytest.approx(49 / 25, abs=2e-3)
    assert heard == pytest.approx(2.0, abs=0.15)


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        MediaSink(
            tmp_path / "no" / "x.ts", container="mpegts", size=(64, 64), fps=Fraction(25), rate=RATE
        ).write(make_slot(0, 1))


@pytest.mark.parametrize(
    ("out", "wanted", "container"),
    [
        ("-", None, "rawvideo"),
        ("-", "ts", "mpegts"),
        ("a.ts", None, "mpegts"),
        ("A.MP4", None, "mp4"),
        ("udp://1.2.3.4:99", None, "mpegts"),
        ("rtmp://h/app", None, "flv"),
    ],
)
def test_the_container_follows_from_the_name(out: str, wanted: Any, container: str) -> None:
    assert container_of(out, wanted) == container


@pytest.mark.parametrize(("out", "wanted"), [("a.xyz", None), ("-", "gif"), ("http://h/a.ts", None)])
def test_an_unknown_container_is_refused(out: str, wanted: Any) -> None:
    with pytest.raises(UsageError):
        container_of(out, wanted)


def test_a_window_needs_a_screen() -> None:
    try:
        cv2.namedWindow("probe")
    except cv2.error:
        with pytest.raises(OutputError, match="a screen"):
            WindowSink(lambda: None)
        return
    cv2.destroyAllWindows()
    pytest.skip("this OpenCV has windows")


def test_a_window_shows_pictures_and_q_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, closed, keys = [], [], iter([255, ord("q")])
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda _, image: shown.append(image))
    monkeypatch.setattr(cv2, "waitKey", lambda _: next(keys))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    sink = WindowSink(lambda: closed.append(True))
    sink.write(make_slot(0, 7))
    assert not closed
    sink.write(make_slot(1, None, "late"))
    assert closed == [True]
    assert len(shown) == 1
