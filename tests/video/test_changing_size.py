"""Pictures that change their size midway, as recordings of calls do, keep their shape in the first one's size."""

from pathlib import Path

import numpy as np
import pytest

from lipsync_edge.video.reader import VideoReader
from tests.clips import number, write_clip


def joined(folder: Path, *sizes: tuple[int, int]) -> Path:
    """A transport stream of ten pictures of each size, one after another."""
    path = folder / "call.ts"
    path.write_bytes(b"".join(write_clip(folder / "part.ts", 10, size=size).read_bytes() for size in sizes))
    return path


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((96, 160), slice(0, 120), slice(44, 116)),  # upright in a wide one: 72 of 160 columns
        ((320, 120), slice(30, 90), slice(0, 160)),  # very wide: 60 of 120 rows
        ((320, 240), slice(0, 120), slice(0, 160)),  # of the same shape, twice as large
        ((80, 60), slice(0, 120), slice(0, 160)),  # and half as large
    ],
)
def test_they_are_fitted_in_and_keep_their_shape(
    tmp_path: Path, size: tuple[int, int], rows: slice, columns: slice
) -> None:
    video = VideoReader(joined(tmp_path, (160, 120), size))
    frames = list(video)
    assert {frame.image_bgr.shape for frame in frames} == {(120, 160, 3)}
    assert [number(frame.image_bgr) for frame in frames[:10]] == list(range(10))
    for i, frame in enumerate(frames[10:]):
        inside = frame.image_bgr[rows, columns]
        assert number(inside) == i
        black = frame.image_bgr.copy()
        black[rows, columns] = 0
        assert black.max() <= 2
        assert frame.source is None
    back = list(video.backward())
    assert all(np.array_equal(a.image_bgr, b.image_bgr) for a, b in zip(back, reversed(frames), strict=True))
