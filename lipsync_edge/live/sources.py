"""Where speech comes from: a pipe of PCM, a file, a microphone that may be lost and found again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from lipsync_edge.errors import InputError, NoAudioError
from lipsync_edge.live.audio_queue import SessionOverError
from lipsync_edge.live.session import LiveSession
from lipsync_edge.live.slot import I16

LOG = logging.getLogger("lipsync_edge.live")
PIECE_BYTES = 8192
Read = Callable[[], I16]


def read_pipe(pipe: IO[bytes]) -> Iterator[I16]:
    """Mono little-endian int16 from a pipe, in pieces as they come, up to its end; an odd last byte is dropped."""
    # Not through the buffer: it waits for full pieces, and a thread that waits in it at the end of the process, holding
    # its lock, makes Python abort.
    raw: IO[bytes] = getattr(pipe, "raw", pipe)
    rest = b""
    while piece := raw.read(PIECE_BYTES):
        piece = rest + piece
        whole = len(piece) // 2 * 2
        rest = piece[whole:]
        yield np.frombuffer(piece[:whole], "<i2").astype(np.int16)


def read_file(file: Path | IO[bytes], rate: int, *, container_format: str | None = None) -> Iterator[I16]:
    """Decode a sound, mixed to mono and resampled to `rate`, in pieces of int16 (n,).

    Args:
        file: a path or a file opened for reading.
        rate: samples a second.
        container_format: FFmpeg's name of the only format to accept, or None for any.

    Raises:
        InputError: it cannot be read.
        NoAudioError: it holds no sound.
    """
    import av

    name = file.name if isinstance(file, Path) else "what was sent"
    try:
        with av.open(str(file) if isinstance(file, Path) else file, format=container_format) as container:
            if not container.streams.audio:
                raise NoAudioError(expected=f"sound in {name}", got="a file without an audio stream")
            converter = Converter(rate)
            for frame in container.decode(container.streams.audio[0]):
                yield from converter.take(frame)
            yield from converter.take(None)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            expected=f"sound in {name}", got=str(error), fix="give a WAV or another sound file"
        ) from error


class Converter:
    """Streamed conversion of sound to mono int16 at `rate`.

    Args:
        rate: samples a second that come out.
        source_rate: samples a second of what `push` takes.
    """

    def __init__(self, rate: int, source_rate: int = 0) -> None:
        import av

        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        self._passes = rate == source_rate
        self._source_rate = source_rate

    def take(self, frame: Any) -> Iterator[I16]:
        """Convert a decoded frame; None gives what was held back."""
        for piece in self._resampler.resample(frame):
            yield np.asarray(piece.to_ndarray(), np.int16).reshape(-1)

    def push(self, pcm: I16) -> Iterator[I16]:
        """Convert mono samples int16 (n,) at `source_rate`."""
        import av

        if self._passes or not len(pcm):
            yield pcm
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm[None]), "s16", "mono")
        frame.sample_rate = self._source_rate
        yield from self.take(frame)

    def flush(self) -> Iterator[I16]:
        """Give what was held back."""
        if not self._passes:
            yield from self.take(None)


@contextmanager
def open_microphone(rate: int) -> Iterator[Read]:
    """Open the default microphone (extra `mic`); gives a function that waits for the next 20 ms, int16 (n,).

    Raises:
        InputError: the sounddevice package is not installed.
        OSError: no device, or it went away.
    """
    try:
        import sounddevice  # type: ignore[import-not-found]
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


class Feeder:
    """A thread that gives a source's sound to a show; when the source fails, the show ends with its error.

    Args:
        show: where the sound goes.
        source: pieces of int16 (n,).
        live: the source cannot wait (a microphone): sound that finds no room is lost and counted.
    """

    def __init__(self, show: LiveSession, source: Iterable[I16], *, live: bool = False) -> None:
        self._show, self._source, self._live = show, source, live
        self.lost_samples = 0
        self._thread = threading.Thread(target=self._run, name="lipsync-feeder", daemon=True)

    def start(self) -> None:
        """Begin. The thread ends with its source or with the show; a read that never returns dies with the process."""
        self._thread.start()

    def _run(self) -> None:
        try:
            for piece in self._source:
                if self._show.say(piece, timeout=0 if self._live else None) == "full":
                    self.lost_samples += len(piece)
            self._show.end()
            self._show.finish()
        except SessionOverError:
            return
        except Exception as error:  # whatever it is belongs to the thread that waits for the sound
            self._show.finish(error)
