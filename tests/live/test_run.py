"""The runner of `live`: pipes, files, signals, the watchdog."""

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.live.options import LiveOptions
from lipsync_edge.live.run import run_live
from lipsync_edge.live.setup import open_avatar
from lipsync_edge.video.color import ColorTags
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader
from tests import scripted
from tests.clips import write_clip
from tests.live.fakes import make_avatar, make_engine, open_stream, speech

SOUND = to_int16(speech(0.8))
FRAME = 96 * 96 * 3


def start(*settings: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.live.process", *settings],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )


def log_lines(text: bytes) -> list[dict]:
    return [json.loads(line) for line in text.decode().splitlines()]


def test_pcm_on_stdin_gives_the_frames_of_the_stream_on_stdout() -> None:
    done, errors = start().communicate(SOUND.tobytes(), timeout=30)
    with open_stream() as stream:
        wanted = [f.image_bgr for f in [*stream.push(SOUND), *stream.flush()]]
    assert np.array_equal(np.frombuffer(done, np.uint8).reshape(-1, 96, 96, 3), np.stack(wanted))
    assert [line["event"] for line in log_lines(errors)] == ["end"]


def test_real_time_takes_real_time_and_sigterm_leaves_a_whole_file(tmp_path: Path) -> None:
    out = tmp_path / "o.ts"
    process = start("realtime=1", f"out={out}", "watchdog_s=20")
    assert process.stdin is not None
    process.stdin.write(SOUND.tobytes())
    process.stdin.flush()  # the pipe stays open
    while not out.exists():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    logged = log_lines(errors)
    slots = logged[-1]["slots"]
    assert logged[0]["event"] == "health"
    assert 30 <= slots <= 60
    with av.open(str(out)) as media:
        frames = [f.time for f in media.decode(video=0)]
    assert slots - 14 <= len(frames) <= slots
    assert frames[-1] - frames[0] == pytest.approx((slots - 1) / 25, abs=0.1)


def test_ctrl_c_ends_with_130() -> None:
    process = start("realtime=1")
    assert process.stdout is not None
    process.stdout.read(FRAME)  # it is running
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130


def test_a_reader_that_goes_away_ends_the_process() -> None:
    process = start("realtime=1", "audio=-")
    assert process.stdout is not None
    process.stdout.read(FRAME)
    process.stdout.close()
    assert process.wait(10) != 0
    assert process.stderr is not None
    assert b"OutputError" in process.stderr.read()
    process.stderr.close()
    assert process.stdin is not None
    process.stdin.close()


def test_the_watchdog_ends_a_process_that_hangs(tmp_path: Path) -> None:
    (tmp_path / "hang").touch()
    process = start(
        "realtime=1", "watchdog_s=0.5", "out=/dev/null", "format=raw", f"hang={tmp_path / 'hang'}"
    )
    assert process.wait(10) == 1
    assert process.stderr is not None
    assert log_lines(process.stderr.read())[-1]["event"] == "hung"
    process.stderr.close()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()


def test_a_saved_avatar_is_opened_as_it_is(tmp_path: Path) -> None:
    engine = make_engine()
    avatar = make_avatar(engine)
    avatar.save(tmp_path / "a.avatar")
    loaded = open_avatar(engine, tmp_path / "a.avatar")
    assert np.array_equal(loaded.picture(3), avatar.picture(3))


def test_an_avatar_carries_the_colour_tags_of_its_source_to_the_output(tmp_path: Path) -> None:
    prepared = scripted.make_engine().prepare(
        write_clip(tmp_path / "face.mp4", 3, size=scripted.SIZE, matrix=6)
    )
    assert prepared.color.matrix == 6
    engine = make_engine()
    avatar, out = make_avatar(engine), tmp_path / "o.mp4"
    avatar.color = ColorTags(6, 1, 6, 6)
    avatar.save(tmp_path / "a.avatar")
    stream = engine.stream(open_avatar(engine, tmp_path / "a.avatar"), sample_rate=16_000)
    assert run_live(LiveOptions(out=str(out)), stream, io.BytesIO(SOUND.tobytes()), io.BytesIO()) == 0
    assert probe(out).color == ColorTags(6, 1, 6, 6)
    first = next(iter(VideoReader(out))).image_bgr
    assert first[:8, :8].mean((0, 1)) == pytest.approx(avatar.picture(0)[:8, :8].mean((0, 1)), abs=2)
