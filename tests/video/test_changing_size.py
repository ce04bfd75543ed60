"""Pictures that change their size midway, as recordings of calls do, keep their shape in the first one's size."""

from pathlib import Path

import av
import numpy as np
import pytest

from lipsync_edge.errors import InputError
from lipsync_edge.video import container
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


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", ".ts"), ("libx265", ".ts")])
def test_pictures_that_become_too_large_are_said_and_the_film_does_not_end_there(
    tmp_path: Path, codec: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "MOST_PIXELS", 100_000)
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    sizes = ((160, 120), (640, 480), (160, 120))
    film = tmp_path / f"call{suffix}"
    film.write_bytes(
        b"".join(
            write_clip(tmp_path / f"part{suffix}", 10, size=size, codec=codec, options=quiet).read_bytes()
            for size in sizes
        )
    )
    with pytest.raises(InputError, match=r"0 million pixels in all of call\.ts; got 640x480 from 0\.\d s on"):
        list(VideoReader(film))
    assert number(next(iter(VideoReader(film, end=0.2))).image_bgr) == 0


def test_so_they_are_where_the_decoder_forgets_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "MOST_PIXELS", 100_000)
    parts = [
        write_clip(tmp_path / f"{side}.avi", 5, size=(side, side), codec="mjpeg", pixels="yuvj420p")
        for side in (160, 640)
    ]
    film = tmp_path / "call.mkv"
    with (
        av.open(str(film), "w") as joined_film,
        av.open(str(parts[0])) as small,
        av.open(str(parts[1])) as large,
    ):
        stream = joined_film.add_stream_from_template(small.streams.video[0])
        for number_of_part, part in enumerate((small, large)):
            for packet in part.demux(video=0):
                if packet.pts is not None:
                    packet.pts += 5 * number_of_part
                    packet.dts, packet.stream = packet.pts, stream
                    joined_film.mux(packet)
    with pytest.raises(InputError, match=r"in all of call\.mkv; got larger ones from 0\.2 s on"):
        list(VideoReader(film))
