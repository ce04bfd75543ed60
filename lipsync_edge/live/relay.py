"""Addresses that the FFmpeg inside PyAV cannot reach: the program `ffmpeg` carries the stream there, as it is."""

from __future__ import annotations

import shutil
import subprocess
from typing import IO

from lipsync_edge.errors import OutputError
from lipsync_edge.live.slot import Sink, Slot

ENDS_S = 5.0  # for what is still on its way


def is_known(scheme: str) -> bool:
    """Whether PyAV's own FFmpeg knows a protocol; PyAV's wheels come without SRT."""
    import av

    try:
        av.open(f"{scheme}:").close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.FFmpegError, OSError, ValueError):
        pass  # it knows it, and misses an address
    return True


def open_relay(url: str, program: str | None = None) -> subprocess.Popen[bytes]:
    """Start `ffmpeg` as the carrier of a transport stream, which its stdin takes, to a URL.

    Args:
        url: where it goes.
        program: the program; the one on the search path without it.

    Raises:
        OutputError: it is not installed.
    """
    found = program or shutil.which("ffmpeg")
    scheme = url.split("://")[0]
    if found is None:
        raise OutputError(
            expected=f"an FFmpeg that knows {scheme}",
            got=f"a PyAV without {scheme}, and no program ffmpeg",
            fix="install ffmpeg, or take udp, tcp or rtmp",
        )
    looks = [
        "-fflags",
        "nobuffer",
        "-probesize",
        "100000",
        "-analyzeduration",
        "500000",
    ]  # half a second, not five
    takes, gives = ["-f", "mpegts", "-i", "pipe:0"], ["-c", "copy", "-f", "mpegts", url]
    words = [found, "-v", "error", "-nostdin", *looks, *takes, *gives]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def pipe_of(relay: subprocess.Popen[bytes]) -> IO[bytes]:
    """Return what takes the stream."""
    assert relay.stdin is not None
    return relay.stdin


class RelayedSink:
    """Sink whose bytes a relay carries on.

    Args:
        sink: writes to the relay's pipe.
        relay: of `open_relay`.
        url: where it goes, for messages.
    """

    def __init__(self, sink: Sink, relay: subprocess.Popen[bytes], url: str) -> None:
        self._sink, self._relay, self._url = sink, relay, url

    def write(self, slot: Slot) -> None:
        """Pass a slot on; OutputError when the relay has ended."""
        if self._relay.poll() is not None:
            raise OutputError(
                expected=f"{self._url} to take the stream",
                got=f"ffmpeg ended with code {self._relay.returncode}",
                fix="see its message above",
            )
        self._sink.write(slot)

    def interrupt(self) -> None:
        """Pass it on."""
        self._sink.interrupt()

    def close(self) -> None:
        """Finish the stream and wait for the relay; one that hangs is ended."""
        try:
            self._sink.close()
        finally:
            pipe_of(self._relay).close()
            try:
                self._relay.wait(ENDS_S)
            except subprocess.TimeoutExpired:
                self._relay.kill()
                self._relay.wait()
