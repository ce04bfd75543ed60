"""A container that is written beside its name and gets that name when it is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lipsync_edge.atomic_write import beside
from lipsync_edge.errors import OutputError
from lipsync_edge.video.container import media_url


class OutputFile:
    """A file that packets are written to; `close` puts it in its place, `discard` leaves nothing behind.

    Args:
        path: its name; an older file of that name is replaced.
        tags: metadata of the container, by names that it knows.
        finish: called with the finished file before it takes its name; it may change it, and raises nothing.

    Attributes:
        path: its name.
        container: of PyAV, to which streams are added.

    Raises:
        OutputError: it cannot be written there.
    """

    def __init__(
        self, path: Path, tags: Mapping[str, str], finish: Callable[[Path], None] = lambda path: None
    ) -> None:
        import av

        self.path, self._finish = path, finish
        self._place, self._beside = path.resolve(), beside(path)
        self.container: Any = None
        options = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".mov") else {}
        with self.beginning():
            self.container = av.open(media_url(self._beside), "w", options=options)
            self.container.metadata.update(tags)

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Discard the file where what is done inside, before the first packet, fails."""
        import av

        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            self.discard()
            raise OutputError(
                expected=f"a writable {self.path.suffix} at {self.path}", got=_reason(error)
            ) from error
        except BaseException:
            self.discard()
            raise

    def mux(self, encode: Callable[[], Iterable[Any]]) -> None:
        """Write the packets that `encode` gives; OutputError when it or the writing fails."""
        import av

        try:
            for packet in encode():
                self.container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(expected=f"to write {self.path}", got=_reason(error)) from error

    def close(self, last: Iterable[Callable[[], Iterable[Any]]]) -> None:
        """Write the last packets of every stream, finish the file and give it its name."""
        import av

        try:
            for flush in last:
                self.mux(flush)
            self.container.close()
            self._finish(self._beside)
            self._beside.replace(self._place)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(expected=f"to finish {self.path}", got=_reason(error)) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the unfinished file; nothing happens after `close`."""
        if self.container is not None:
            try:
                self.container.close()
            except Exception as error:  # a container that failed may fail again while it closes
                del error
            self.container = None
        self._beside.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
