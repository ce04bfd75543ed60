"""The command itself: what it says when it cannot run, and what it leaves when it ends."""

import signal
import socket
import sys
import time
from pathlib import Path

import httpx
import pytest

from lipsync_edge.cli.studio import form_of
from lipsync_edge.engine import load_engine
from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.studio import run
from lipsync_edge.studio.options import StudioOptions
from tests.studio.served import need_gradio, served


def test_without_its_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "NEEDED", ("no_such_gradio",))
    options = StudioOptions(results=tmp_path / "r")
    with pytest.raises(UsageError, match=r"lipsync-edge\[studio\]"):
        run.run_studio(options, form_of(options), load_engine, print)
    assert not (tmp_path / "r").exists()


def test_a_port_that_is_taken_is_told_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "NEEDED", ())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = StudioOptions(port=taken.getsockname()[1], results=tmp_path / "r")
        with pytest.raises(OutputError, match="--port"):
            run.run_studio(options, form_of(options), load_engine, print)
    assert not (tmp_path / "r").exists()


def test_addresses() -> None:
    assert run.address(StudioOptions(), 1) == "http://127.0.0.1:1/"
    assert run.address(StudioOptions(host="::1"), 2) == "http://[::1]:2/"
    assert run.address(StudioOptions(host="0.0.0.0", token="x"), 3) == "http://127.0.0.1:3/"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM that a process hears")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_uploads_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    need_gradio()
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    with served(tmp_path) as it:
        place = Path(httpx.post(f"{it.url}gradio_api/upload", files={"files": ("a.wav", b"x")}).json()[0])
        assert place.is_file()
        assert place.is_relative_to(scratch)
        began = time.monotonic()
        it.process.send_signal(number)
        assert it.process.wait(30) == 0
        assert time.monotonic() - began < 20
    assert list(scratch.glob("lipsync-edge-studio-*")) == []
