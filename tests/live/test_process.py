"""What systemd is told."""

import socket
from pathlib import Path

import pytest

from lipsync_edge.live.process import notify_systemd


def test_systemd_is_told_when_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify_systemd("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        assert notify_systemd("WATCHDOG=1")
        assert listener.recv(64) == b"WATCHDOG=1"
    assert not notify_systemd("WATCHDOG=1")  # it has gone
