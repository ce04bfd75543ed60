"""Audio sources: a pipe of PCM, a microphone that may be lost and found again, and the thread that feeds a session."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO

import numpy as np

from lipsync_edge.errors import InputError
from lipsync_edge.live.audio_queue import Pcm, SessionOverError
from lipsync_edge.live.session import LiveSession
from lipsync_edge.live.slot import I16

LOG = logging.getLogger("lipsync_edge.live")
PIECE_BYTES = 8192
Read = Callable[[], I16]


def read_pipe(pipe: IO[bytes]) -> Iterator[I16]:
    """Read mono little-endian int16 from a pipe, in pieces as they come, up to its end; an odd last byte is dropped."""
    # Not through the buffer: it waits for full pieces, and a thread that waits in it at the end of the process, holding
    # its lock, makes Python abort.
    raw: IO[bytes] = getattr(pipe, "raw", pipe)
    rest = b""
    while piece := raw.read(PIECE_BYTES):
        piece = rest + piece
        whole = len(piece) // 2 * 2
        rest = piece[whole:]
        yield np.frombuffer(piece[:whole], "<i2").astype(np.int16)


@contextmanager
def open_microphone(rate: int) -> Iterator[Read]:
    """Open the default microphone (extra `mic`); gives a function that waits for the next 20 ms, int16 (n,).

    Raises:
        InputError: the sounddevice package is not installed.
        OSError: no device, or it went away.
    """
    try:
        import sounddevice  # type: ignore[import-not-found,import-untyped]
    except (ImportError, OSError) as error:
        raise InputError(
            expected="the sounddevice package for --audio mic",
            got=str(error),
            fix="pip install lipsync-edge[mic]",
        ) from error
    try:
        with sounddevice.RawInputStream(samplerate=rate, channels=1, dtype="int16") as stream:
            yield lambda: np.frombuffer(bytes(stream.read(rate // 50)[0]), np.int16)
    except sounddevice.PortAudioError as error:
        raise OSError(str(error)) from error


def keep_open(
    device: Callable[[], AbstractContextManager[Read]], over: threading.Event, *, retry_s: float = 1.0
) -> Iterator[I16]:
    """Read from a device until `over`; when it is lost, or not there yet, try again every `retry_s` seconds."""
    was_there = True
    while not over.is_set():
        try:
            with device() as read:
                LOG.info("audio device open")
                was_there = True
                while not over.is_set():
                    yield read()
        except OSError as error:
            if was_there:
                LOG.warning("audio device lost", extra={"data": {"reason": str(error)}})
            was_there = False
            over.wait(retry_s)


class AudioFeeder:
    """Thread that gives a source's sound to a session; when the source fails, the session ends with its error.

    Args:
        session: where the sound goes.
        source: pieces of int16 or float32 (n,).
        is_live: the source cannot wait (a microphone): sound that finds no room is lost and counted.
    """

    def __init__(self, session: LiveSession, source: Iterable[Pcm], *, is_live: bool = False) -> None:
        self._session, self._source, self._is_live = session, source, is_live
        self.lost_samples = 0
        self._thread = threading.Thread(target=self._run, name="lipsync-feeder", daemon=True)

    def start(self) -> None:
        """Begin; the thread ends with its source or the session, and a read that never returns with the process."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the thread, `timeout` seconds at most."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            for piece in self._source:
                if self._session.say(piece, timeout=0 if self._is_live else None) == "full":
                    self.lost_samples += len(piece)
            self._session.end()
            self._session.finish()
        except SessionOverError:
            return
        except Exception as error:  # whatever it is belongs to the thread that waits for the sound
            self._session.finish(error)
