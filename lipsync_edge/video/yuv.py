"""Pictures as their file stores them, 4:2:0, so that what nobody touched need not go through BGR and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lipsync_edge.types import U8, Region

if TYPE_CHECKING:
    import av

STEPS = (1, 2, 2)  # pixels that a sample of Y, U and V stands for, across and down


def plane(frame: av.VideoFrame, number: int) -> U8:
    """Return the bytes of one plane, uint8 (h, w), its padding left out; not a copy."""
    part = frame.planes[number]
    view: Any = part
    return np.frombuffer(view, np.uint8).reshape(-1, part.line_size)[: part.height, : part.width]


def is_420(frame: av.VideoFrame) -> bool:
    """Whether a picture is 4:2:0 of eight bits and even size."""
    return frame.format.name in ("yuv420p", "yuvj420p") and not (frame.width % 2 or frame.height % 2)


def bare_copy(frame: av.VideoFrame) -> av.VideoFrame:
    """Copy a picture of `is_420` without its time, its tags and the note where its chroma samples lie."""
    bare = type(frame)(frame.width, frame.height, "yuv420p")
    for i in range(3):
        np.copyto(plane(bare, i), plane(frame, i))
    return bare


def bare_part(frame: av.VideoFrame, rows: slice, columns: slice) -> av.VideoFrame:
    """Copy a part of a picture of `is_420`, even on all sides, as `bare_copy` does all of it."""
    part = type(frame)(columns.stop - columns.start, rows.stop - rows.start, "yuv420p")
    for i, step in enumerate(STEPS):
        np.copyto(plane(part, i), plane(frame, i)[_samples(rows, step), _samples(columns, step)])
    return part


def even(region: Region, width: int, height: int) -> tuple[slice, slice]:
    """Return the rows and columns of a region, widened to whole chroma samples of a picture of even size."""
    x1, y1 = max(region.x1, 0) // 2 * 2, max(region.y1, 0) // 2 * 2
    x2, y2 = min(-(-region.x2 // 2) * 2, width), min(-(-region.y2 // 2) * 2, height)
    return slice(y1, y2), slice(x1, x2)


def put(part: av.VideoFrame, frame: av.VideoFrame, rows: slice, columns: slice) -> None:
    """Put a 4:2:0 picture of even size into another, in place."""
    for i, step in enumerate(STEPS):
        plane(frame, i)[_samples(rows, step), _samples(columns, step)] = plane(part, i)


def _samples(pixels: slice, step: int) -> slice:
    """Return the samples of a plane that stand for an even range of pixels."""
    return slice(pixels.start // step, pixels.stop // step)
