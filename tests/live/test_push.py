"""Pushed outputs against a real receiver: FFmpeg as a process of its own, on loopback."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.live import camera, relay
from lipsync_edge.live.camera import CameraSink
from lipsync_edge.live.options import LiveOptions
from lipsync_edge.live.relay import is_known, open_relay
from lipsync_edge.live.run import run_live
from tests.live.fakes import FPS, RATE, open_stream, speech

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def receiver(scheme: str, out: Path) -> Iterator[tuple[str, Any]]:
    """FFmpeg that listens and writes what comes, as it comes, to a file."""
    port = free_port(socket.SOCK_DGRAM if scheme == "srt" else socket.SOCK_STREAM)
    url = f"rtmp://127.0.0.1:{port}/live/face" if scheme == "rtmp" else f"{scheme}://127.0.0.1:{port}"
    listens = ["-listen", "1", "-i", url] if scheme == "rtmp" else ["-i", f"{url}?mode=listener"]
    program = imageio_ffmpeg.get_ffmpeg_exe()
    looks = ["-probesize", "100000", "-analyzeduration", "500000"]
    words = [program, "-v", "error", "-nostdin", "-y", *looks, *listens, "-c", "copy", str(out)]
    process = subprocess.Popen(words)
    try:
        time.sleep(3.0)  # until it listens
        yield url, process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


@pytest.mark.parametrize("scheme", ["rtmp", "srt"])
def test_a_receiver_gets_pictures_and_sound(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, file, out = to_int16(speech(4.0)), tmp_path / "speech.wav", tmp_path / "got.mkv"
    import soundfile

    soundfile.write(str(file), sound, RATE)
    if not is_known(scheme):
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with receiver(scheme, out) as (url, process):
        options = LiveOptions(audio=str(file), out=url, rate=RATE, realtime=True)  # as SRT wants it
        with (tmp_path / "in").open("wb") as pipe:
            assert run_live(options, open_stream(), pipe, pipe) == 0
        assert process.wait(20) == 0
    with av.open(str(out)) as container:
        kinds = {stream.type: stream.codec_context.name for stream in container.streams}
        assert kinds == {"video": "h264", "audio": "aac"}
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert 10 <= len(pictures) <= 110  # a busy machine drops some
    mouth = [float(picture[58:68, 40:56].mean()) for picture in pictures]
    assert max(mouth) > min(mouth) + 20
    with av.open(str(out)) as container:
        heard = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])
    assert np.abs(heard).max() > 0.05


def test_a_relay_that_cannot_connect_is_told(tmp_path: Path) -> None:
    program = shutil.which("false")
    assert program is not None
    process = open_relay("srt://127.0.0.1:9", program)
    sink = relay.RelayedSink(None, process, "srt://127.0.0.1:9")  # type: ignore[arg-type]
    process.wait(10)
    with pytest.raises(OutputError, match="ffmpeg ended with code 1"):
        sink.write(None)  # type: ignore[arg-type]
    relay.pipe_of(process).close()


def test_without_a_carrier_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OutputError, match="install ffmpeg"):
        open_relay("srt://127.0.0.1:9")
    assert is_known("rtmp")
    assert not is_known("nothing-of-the-kind")


def test_a_virtual_camera_that_is_not_there_is_told() -> None:
    pytest.importorskip("pyvirtualcam")
    if list(Path("/dev").glob("video*")):
        pytest.skip("this machine has cameras")
    with pytest.raises(OutputError, match="virtual camera") as caught:
        CameraSink((64, 48), FPS)
    assert "v4l2loopback" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_virtual_camera_gets_the_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The device is replaced: what its library is given is looked at."""
    pyvirtualcam = pytest.importorskip("pyvirtualcam")
    sent: list[np.ndarray] = []

    class Camera:
        def __init__(self, **settings: object) -> None:
            assert (settings["width"], settings["height"], settings["fps"]) == (96, 96, 25.0)
            assert settings["fmt"] == pyvirtualcam.PixelFormat.BGR

        def send(self, picture: np.ndarray) -> None:
            sent.append(picture)

        def close(self) -> None:
            sent.append(np.zeros(0, np.uint8))

    monkeypatch.setattr(pyvirtualcam, "Camera", Camera)
    import soundfile

    soundfile.write(str(tmp_path / "a.wav"), to_int16(speech(0.4)), RATE)
    options = LiveOptions(audio=str(tmp_path / "a.wav"), out="virtualcam", rate=RATE)
    with (tmp_path / "in").open("wb") as pipe:
        assert run_live(options, open_stream(), pipe, pipe) == 0
    assert len(sent) >= 2
    assert sent[0].shape == (96, 96, 3)
    assert sent[-1].shape == (0,)


def test_a_virtual_camera_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyvirtualcam", None)
    with pytest.raises(UsageError, match="virtualcam"):
        CameraSink((64, 48), FPS)
    assert "v4l2loopback" in camera.HINTS
