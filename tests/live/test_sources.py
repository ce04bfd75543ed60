"""Audio sources of a live session: a pipe, a microphone that comes and goes, the feeder."""

import io
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.errors import InputError
from lipsync_edge.live import LiveSession, SessionOptions
from lipsync_edge.live.sinks import RawSink
from lipsync_edge.live.sources import AudioFeeder, keep_open, open_microphone, read_pipe
from tests.live.fakes import RATE, open_stream, speech

SOUND = to_int16(speech(1.0))


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


def test_a_source_that_fails_ends_the_session_with_its_error() -> None:
    def source() -> Iterator[np.ndarray]:
        yield SOUND[:1000]
        raise OSError("broken on purpose")

    session = LiveSession(open_stream(), RawSink(io.BytesIO()), SessionOptions(rate=RATE))
    AudioFeeder(session, source()).start()
    with pytest.raises(OSError, match="broken on purpose"):
        session.run()


def test_a_live_source_loses_what_finds_no_room() -> None:
    session = LiveSession(open_stream(), RawSink(io.BytesIO()), SessionOptions(rate=RATE, buffer_s=0.1))
    feeder = AudioFeeder(session, [SOUND[:1600]] * 5, is_live=True)
    feeder.start()
    feeder.join(2)
    assert feeder.lost_samples == 4 * 1600


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
