"""The live command: pipes, files, signals, settings."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.cli.main import app
from lipsync_edge.errors import UsageError
from lipsync_edge.live import run as command
from lipsync_edge.live.options import LiveOptions
from lipsync_edge.live.run import open_live_stream
from lipsync_edge.live.setup import open_avatar, read_config
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


def run_cli(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, list[LiveOptions]]:
    seen: list[LiveOptions] = []
    monkeypatch.setattr(command, "open_live_stream", lambda _: open_stream())
    monkeypatch.setattr(command, "run_live", lambda options, *_: seen.append(options) or 0)
    result = CliRunner().invoke(app, ["live", *arguments])
    return result.exit_code, result.output, seen


def test_options_win_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text('[live]\navatar = "a.avatar"\nrate = 48000\nrealtime = true\nwatchdog-s = 5\n', "utf-8")
    status, _, (options,) = run_cli(monkeypatch, "--config", str(config), "--rate", "24000")
    assert status == 0
    assert (options.avatar, options.rate, options.realtime, options.watchdog_s) == (
        "a.avatar",
        24_000,
        True,
        5.0,
    )


@pytest.mark.parametrize("text", ["[live]\nvolume = 3\n", "live = 3\n", "[live\n", '[live]\nrate = "x"\n'])
def test_a_wrong_setting_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text(text, "utf-8")
    status, output, seen = run_cli(monkeypatch, "--config", str(config))
    assert status == 2
    assert output.startswith("lipsync-edge: expected")
    assert not seen


def test_a_missing_file_or_face_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="settings in"):
        read_config(tmp_path / "no.toml", "live", {})
    with pytest.raises(UsageError, match="--avatar"):
        open_live_stream(LiveOptions())


def test_a_saved_avatar_is_opened_as_it_is(tmp_path: Path) -> None:
    engine = make_engine()
    avatar = make_avatar(engine)
    avatar.save(tmp_path / "a.avatar")
    loaded = open_avatar(engine, tmp_path / "a.avatar")
    assert np.array_equal(loaded.picture(3), avatar.picture(3))


def test_prepare_writes_an_avatar_that_live_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine()
    monkeypatch.setattr(type(engine), "prepare", lambda self, face: make_avatar(self))
    monkeypatch.setattr("lipsync_edge.engine.load", lambda **_: engine)
    out = tmp_path / "f.avatar"
    result = CliRunner().invoke(app, ["prepare", "face.mp4", "-o", str(out)])
    assert result.output == f"{out}: 6 frames 96x96, 0.2 s\n"
    assert len(open_avatar(engine, out)) == 6
    refused = CliRunner().invoke(app, ["prepare", "face.mp4", "-o", str(tmp_path / "no" / "f.avatar")])
    assert refused.exit_code == 5
