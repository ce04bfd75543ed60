"""Pictures stored as red, green and blue come out as BT.709 and say so, in every container and codec."""

from pathlib import Path

import av
import numpy as np
import pytest

from lipsync_edge.video.color import STILL_COLOR
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.writer import VideoFormat, VideoWriter
from tests.clips import write_clip

PATCHES = np.array(
    [(62, 62, 190), (62, 190, 62), (190, 62, 62), (128, 128, 128), (40, 200, 220), (200, 90, 30)], np.uint8
)
STORED = [
    ("ffv1", "bgr0", ".mkv"),
    ("ffv1", "gbrp10le", ".mkv"),
    ("libx264rgb", "bgr24", ".mp4"),
    ("qtrle", "rgb24", ".mov"),
    ("png", "rgb24", ".mov"),
    ("libvpx-vp9", "gbrp", ".webm"),
]


def patches(width: int, height: int) -> np.ndarray:
    """Six upright stripes, uint8 (height, width, 3) BGR."""
    return np.ascontiguousarray(np.broadcast_to(PATCHES[np.arange(width) * 6 // width], (height, width, 3)))


def shown(path: Path) -> np.ndarray:
    """Colours of the stripes as a player shows them that obeys the tags, float (6, 3) BGR."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_range)) == (1, 1)
        assert int(container.streams.video[0].codec_context.color_primaries) == 1
        picture = frame.reformat(
            format="bgr24", src_colorspace=1, src_color_range=1, dst_color_range=2
        ).to_ndarray()
    centres = (np.arange(6) * 2 + 1) * picture.shape[1] // 12
    return picture[20:40][:, centres].mean(0)


@pytest.mark.parametrize(("codec", "pixels", "suffix"), STORED)
@pytest.mark.parametrize("size", [(320, 128), (1280, 720)], ids=["small", "hd"])
def test_colours_stay_and_are_said(
    tmp_path: Path, codec: str, pixels: str, suffix: str, size: tuple[int, int]
) -> None:
    source = write_clip(tmp_path / f"a{suffix}", [patches(*size)] * 2, codec=codec, pixels=pixels)
    info = probe(source)
    assert info.color == STILL_COLOR
    what = VideoFormat(
        width=size[0], height=size[1], fps=info.fps, time_base=info.time_base, color=info.color, crf=10
    )
    with VideoWriter(tmp_path / "out.mp4", what) as writer:
        for frame in VideoReader(source):
            writer.write(frame.image_bgr, frame.time, frame.source)
    assert np.abs(shown(tmp_path / "out.mp4") - PATCHES).max() < 4


@pytest.mark.parametrize(
    ("codec", "suffix"), [("", ".webm"), ("av1", ".mp4"), ("hevc", ".mp4"), ("h264", ".mkv")]
)
def test_every_encoder_takes_them(tmp_path: Path, codec: str, suffix: str) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", [patches(320, 128)] * 8, codec="libx264rgb", pixels="rgb24"))
    what = VideoFormat(
        width=320, height=128, fps=info.fps, time_base=info.time_base, color=info.color, codec=codec, crf=10
    )
    with VideoWriter(tmp_path / f"out{suffix}", what) as writer:
        for frame in VideoReader(tmp_path / "a.mp4"):
            writer.write(frame.image_bgr, frame.time, frame.source)
    assert np.abs(shown(tmp_path / f"out{suffix}") - PATCHES).max() < 6
