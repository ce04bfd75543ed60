"""Interlaced pictures, whose odd and even rows are of two moments, made progressive."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av


class Deinterlacer:
    """Deinterlaces from the first frame that is marked as interlaced on; every frame comes out once, with its time."""

    def __init__(self) -> None:
        self._filter: _Bwdif | None = None

    def push(self, frame: av.VideoFrame | None) -> list[av.VideoFrame]:
        """Take the next frame, or None at the end; give those that are finished, in order."""
        done: list[av.VideoFrame] = []
        if self._filter is not None and (frame is None or not self._filter.takes(frame)):
            done = self._filter.flush()
            self._filter = None
        if frame is None:
            return done
        if self._filter is None and frame.interlaced_frame:
            self._filter = _Bwdif(frame)
        return done + ([frame] if self._filter is None else self._filter.push(frame))


class _Bwdif:
    """FFmpeg's bwdif for pictures of one size and format; those that are not marked as interlaced pass unchanged."""

    def __init__(self, frame: av.VideoFrame) -> None:
        import av.filter

        self._form = _form(frame)
        self._times: deque[tuple[Any, Any]] = deque()
        self._graph: Any = av.filter.Graph()
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def takes(self, frame: av.VideoFrame) -> bool:
        return _form(frame) == self._form

    def push(self, frame: av.VideoFrame) -> list[av.VideoFrame]:
        self._times.append((frame.pts, frame.time_base))
        self._graph.push(frame)
        return self._pull()

    def flush(self) -> list[av.VideoFrame]:
        self._graph.push(None)
        return self._pull()

    def _pull(self) -> list[av.VideoFrame]:
        import av

        done: list[av.VideoFrame] = []
        while True:
            try:
                made = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return done
            made.pts, made.time_base = self._times.popleft()  # the filter counts in half ticks
            done.append(made)


def _form(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
