"""Sources and sinks of a show."""

import io
import os
import socket
import sys
import threading
import types
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lipsync_edge.errors import InputError, OutputError, UsageError
from lipsync_edge.live import LiveSession, SessionOptions, Slot
from lipsync_edge.live.process import notify_systemd
from lipsync_edge.live.sinks import MediaSink, RawSink, WindowSink, container_of
from lipsync_edge.live.slot import to_int16
from lipsync_edge.live.sources import Converter, Feeder, keep_open, open_microphone, read_file, read_pipe
from tests.live.fakes import RATE, open_stream, speech

SOUND = to_int16(speech(1.0))


def wav_bytes(pcm: np.ndarray, rate: int = RATE, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(pcm.tobytes())
    return file.getvalue()


def moment(slot: int, value: int | None, state="speech", samples: int = 640) -> Slot:
    image = None if value is None else np.full((48, 65, 3), value, np.uint8)
    return Slot(slot, Fraction(slot, 25), np.full(samples, 1000, np.int16), image, state)


def test_a_pipe_gives_what_was_written_and_drops_an_odd_byte() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as into, os.fdopen(reading, "rb") as pipe:
        pieces = read_pipe(pipe)
        into.write(SOUND[:3].tobytes() + b"\x01")
        first = next(pieces)  # comes at once, though the pipe is open
        into.write(b"\x00" + SOUND[4:10].tobytes() + b"\x07")
        into.close()
        rest = np.concatenate(list(pieces))
    assert np.array_equal(first, SOUND[:3])
    assert rest[0] == 1
    assert np.array_equal(rest[1:], SOUND[4:10])


def test_a_wav_is_mixed_and_resampled_and_nothing_else_is_taken_for_one(tmp_path: Path) -> None:
    same = np.concatenate(list(read_file(io.BytesIO(wav_bytes(SOUND)), RATE, container_format="wav")))
    assert np.array_equal(same, SOUND)
    stereo = np.repeat(SOUND[:, None], 2, axis=1)
    path = tmp_path / "s.wav"
    path.write_bytes(wav_bytes(stereo, channels=2))
    up = np.concatenate(list(read_file(path, 48_000)))
    assert abs(len(up) - 3 * len(SOUND)) < 100
    with pytest.raises(InputError, match="sound in what was sent"):
        list(read_file(io.BytesIO(b"#EXTM3U\nfile:///etc/passwd\n"), RATE, container_format="wav"))
    with pytest.raises(InputError):
        list(read_file(tmp_path / "missing.wav", RATE))


def test_streamed_conversion_keeps_the_length() -> None:
    converter = Converter(24_000, RATE)
    out = [p for i in range(0, len(SOUND), 333) for p in converter.push(SOUND[i : i + 333])] + list(
        converter.flush()
    )
    assert abs(sum(len(p) for p in out) - 24_000) < 50
    passing = Converter(RATE, RATE)
    assert np.array_equal(np.concatenate([*passing.push(SOUND), *passing.flush()]), SOUND)


def test_raw_frames_repeat_a_starved_slot_and_leave_a_late_one_out() -> None:
    file = io.BytesIO()
    sink = RawSink(file)
    for item in (moment(0, 1), moment(1, None, "starved"), moment(2, None, "late"), moment(3, 4)):
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
            sink.write(moment(0, 1))
        sink.close()


@pytest.mark.parametrize("container", ["mpegts", "mp4"])
def test_a_media_stream_holds_pictures_and_sound_in_step(container: str) -> None:
    file = io.BytesIO()
    sink = MediaSink(file, container=container, size=(65, 48), fps=Fraction(25), rate=RATE)
    for slot in range(50):
        sink.write(
            moment(slot, None if slot in (10, 11) else 5 * slot, "late" if slot in (10, 11) else "speech")
        )
    sink.close()
    with av.open(io.BytesIO(file.getvalue())) as media:
        video = list(media.decode(video=0))
        assert (video[0].width, video[0].height) == (64, 48)
    with av.open(io.BytesIO(file.getvalue())) as media:
        audio = list(media.decode(audio=0))
    times = [float(f.time - video[0].time) for f in video]
    assert times == pytest.approx([i / 25 for i in range(50) if i not in (10, 11)], abs=2e-3)
    heard = sum(f.samples for f in audio) / RATE
    assert heard == pytest.approx(2.0, abs=0.15)
    assert abs(float(audio[0].time - video[0].time)) < 0.1


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
            sink.write(moment(slot, 5 * slot))
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
        ).write(moment(0, 1))


@pytest.mark.parametrize(
    ("out", "wanted", "container"),
    [
        ("-", "", "rawvideo"),
        ("-", "ts", "mpegts"),
        ("a.ts", "", "mpegts"),
        ("A.MP4", "", "mp4"),
        ("udp://1.2.3.4:99", "", "mpegts"),
        ("rtmp://h/app", "", "flv"),
    ],
)
def test_the_container_follows_from_the_name(out: str, wanted: str, container: str) -> None:
    assert container_of(out, wanted) == container


@pytest.mark.parametrize(("out", "wanted"), [("a.xyz", ""), ("-", "gif"), ("http://h/a.ts", "")])
def test_an_unknown_container_is_refused(out: str, wanted: str) -> None:
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
    sink.write(moment(0, 7))
    assert not closed
    sink.write(moment(1, None, "late"))
    assert closed == [True]
    assert len(shown) == 1


def test_a_lost_device_is_found_again(caplog: pytest.LogCaptureFixture) -> None:
    over, opened = threading.Event(), []

    @contextmanager
    def device() -> Iterator[Callable[[], np.ndarray]]:
        opened.append(len(opened))
        if len(opened) in (2, 3):
            raise OSError("no such device")
        reads = iter([SOUND[:10], SOUND[10:20]])

        def read() -> np.ndarray:
            piece = next(reads, None)
            if piece is None:
                raise OSError("unplugged")
            return piece

        yield read

    pieces = keep_open(device, over, retry_s=0.01)
    got = [next(pieces) for _ in range(4)]
    over.set()
    assert list(pieces) == []
    assert len(opened) == 4
    assert np.array_equal(np.concatenate(got[:2]), SOUND[:20])
    assert [r.message for r in caplog.records].count("audio device lost") == 1


def test_a_source_that_fails_ends_the_show_with_its_error() -> None:
    def source() -> Iterator[np.ndarray]:
        yield SOUND[:1000]
        raise OSError("broken on purpose")

    show = LiveSession(open_stream(), RawSink(io.BytesIO()), SessionOptions(rate=RATE))
    Feeder(show, source()).start()
    with pytest.raises(OSError, match="broken on purpose"):
        show.run()


def test_a_live_source_loses_what_finds_no_room() -> None:
    show = LiveSession(open_stream(), RawSink(io.BytesIO()), SessionOptions(rate=RATE, buffer_s=0.1))
    feeder = Feeder(show, [SOUND[:1600]] * 5, live=True)
    feeder.start()
    feeder._thread.join(2)
    assert feeder.lost_samples == 4 * 1600


def test_systemd_is_told_when_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify_systemd("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        assert notify_systemd("WATCHDOG=1")
        assert listener.recv(64) == b"WATCHDOG=1"
    assert not notify_systemd("WATCHDOG=1")  # it has gone


def test_the_microphone_gives_20_ms_at_a_time_and_its_loss_is_an_os_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = types.ModuleType("sounddevice")

    class Lost(Exception):
        pass

    class Input:
        def __init__(self, **settings: object) -> None:
            assert settings == {"samplerate": RATE, "channels": 1, "dtype": "int16"}
            self.reads = 0

        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, count: int) -> tuple[bytes, bool]:
            self.reads += 1
            if self.reads == 3:
                raise Lost("unplugged")
            return SOUND[:count].tobytes(), False

    fake.PortAudioError, fake.RawInputStream = Lost, Input
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    over = threading.Event()
    pieces = keep_open(lambda: open_microphone(RATE), over, retry_s=0.01)
    got = [next(pieces) for _ in range(5)]  # lost after two, and found again twice
    over.set()
    assert all(np.array_equal(piece, SOUND[: RATE // 50]) for piece in got)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(InputError, match="sounddevice"), open_microphone(RATE):
        pass
