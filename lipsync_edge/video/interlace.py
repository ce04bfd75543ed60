"""Interlaced pictures, whose odd and even rows are of two moments, made progressive."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av


def progressive(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Deinterlace from the first frame on that is marked as interlaced; one frame comes out for each, with its time."""
    filtered: _Deinterlacer | None = None
    for frame in frames:
        if filtered is not None and not filtered.takes(frame):
            yield from filtered.flush()
            filtered = None
        if filtered is None and frame.interlaced_frame:
            filtered = _Deinterlacer(frame)
        if filtered is None:
            yield frame
        else:
            yield from filtered.push(frame)
    if filtered is not None:
        yield from filtered.flush()


class _Deinterlacer:
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

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        self._times.append((frame.pts, frame.time_base))
        self._graph.push(frame)
        return self._pull()

    def flush(self) -> Iterator[av.VideoFrame]:
        self._graph.push(None)
        return self._pull()

    def _pull(self) -> Iterator[av.VideoFrame]:
        import av

        while True:
            try:
                made = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            made.pts, made.time_base = self._times.popleft()  # the filter counts in half ticks
            yield made


def _form(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
