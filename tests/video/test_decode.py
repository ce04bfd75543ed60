"""Decoded pictures come through planes, because that is faster; not one bit may differ from the packed way."""

from dataclasses import replace

import av
import cv2
import numpy as np
import pytest

from lipsync_edge.video.color import ACCURATE, BICUBIC, FULL_CHROMA_OUT, FULL_RANGE, POINT, ColorTags
from lipsync_edge.video.orientation import Orientation
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.yuv import bare_copy, is_420
from tests.clips import write_clip


@pytest.fixture
def reader(tmp_path):
    return VideoReader(write_clip(tmp_path / "c.mp4", 2, size=(64, 48)))


@pytest.mark.parametrize("kind", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p10le", "nv12", "gray", "rgb24"])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (65, 49), (322, 20)])
@pytest.mark.parametrize(
    "color", [ColorTags(1, 1), ColorTags(5, 2), ColorTags(9, 1)], ids=lambda one: f"matrix{one.matrix}"
)
@pytest.mark.parametrize("scale", [1, 2])
def test_planes_give_the_bits_of_the_packed_way(reader, kind, width, height, color, scale):
    noise = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format=kind)
    size = (width * scale, height * scale)
    reader.info = replace(reader.info, width=size[0], height=size[1], color=color)
    plain = frame
    if is_420(frame):
        plain = av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
        assert np.array_equal(plain.to_ndarray(), bare_copy(frame).to_ndarray())
    want = plain.reformat(
        *size,
        format="bgr24",
        src_colorspace=color.sws_matrix,
        src_color_range=color.sws_range,
        dst_color_range=FULL_RANGE,
        interpolation=(POINT if scale == 1 else BICUBIC) | ACCURATE | FULL_CHROMA_OUT,
    )
    got, source = reader.upright(frame)
    assert np.array_equal(got, want.to_ndarray())
    assert got.flags.c_contiguous
    assert got.flags.writeable
    assert (source is not None) == (is_420(frame) and scale == 1)
    assert source is None or np.array_equal(source.to_ndarray(), plain.to_ndarray())


def test_a_turned_picture_is_turned(reader):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, format="bgr24")
    reader.info = replace(reader.info, width=48, height=64, orientation=Orientation(True, True))
    got, source = reader.upright(frame.reformat(format="yuv420p"))
    assert got.shape == (64, 48, 3)
    assert source is None
    assert np.array_equal(reader.upright(frame)[0], cv2.rotate(noise, cv2.ROTATE_90_CLOCKWISE))
