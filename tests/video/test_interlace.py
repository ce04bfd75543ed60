"""Interlaced films come out progressive: without combs, with their times, forwards and backwards."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader


def moment(half_frame: int) -> np.ndarray:
    """A bright bar on dark that moves by six pixels each fiftieth of a second, uint8 (120, 320, 3)."""
    picture = np.full((120, 320, 3), 40, np.uint8)
    picture[:, 20 + 6 * half_frame : 50 + 6 * half_frame] = 210
    return picture


def write_interlaced(path: Path, codec: str, count: int = 20, *, interlaced: bool = True) -> Path:
    """Frames whose even rows are of one moment and whose odd rows of the next."""
    with av.open(str(path), "w") as container:
        options = (
            {"crf": "5", "x264-params": "tff=1"}
            if codec == "libx264"
            else {"flags": "+ildct+ilme", "b": "8M"}
        )
        stream = container.add_stream(codec, rate=25, options=options if interlaced else {})
        stream.width, stream.height, stream.pix_fmt = 320, 120, "yuv420p"
        for i in range(count):
            picture = moment(2 * i)
            if interlaced:
                picture[1::2] = moment(2 * i + 1)[1::2]
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def combs(image_bgr: np.ndarray) -> float:
    """Mean difference between a row and the mean of its neighbours."""
    grey = image_bgr.astype(float).mean(-1)
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean())


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", ".mp4"), ("mpeg2video", ".mpg"), ("libx264", ".ts")]
)
def test_combs_go_and_times_stay(tmp_path: Path, codec: str, suffix: str) -> None:
    path = write_interlaced(tmp_path / f"camera{suffix}", codec)
    with av.open(str(path)) as container:
        stored = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert min(combs(picture) for picture in stored) > 3
    assert probe(path).interlaced
    video = VideoReader(path)
    frames = list(video)
    assert [frame.time for frame in frames] == [Fraction(i, 25) for i in range(20)]
    assert max(combs(frame.image_bgr) for frame in frames) < 1.5
    for i, frame in enumerate(frames):
        left = np.argmax(frame.image_bgr[60, :, 0] > 125)
        assert abs(int(left) - (20 + 12 * i)) <= 6
    back = list(video.backward())
    assert [frame.time for frame in back] == [frame.time for frame in frames[::-1]]
    assert max(combs(frame.image_bgr) for frame in back) < 1.5


def test_progressive_films_keep_every_bit(tmp_path: Path) -> None:
    path = write_interlaced(tmp_path / "a.mp4", "libx264", interlaced=False)
    assert not probe(path).interlaced
    with av.open(str(path)) as container:
        stored = [frame.to_ndarray() for frame in container.decode(video=0)]
    for frame, planes in zip(VideoReader(path), stored, strict=True):
        assert np.array_equal(frame.source.to_ndarray(), planes)
