"""All eight orientations, of videos and of photos, come out as players show them: upright and not mirrored."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.still_image import read_image
from tests.clips import number, scene, write_clip

# EXIF's number → the signs of a display matrix a, b, c, d, and what a stored picture must go through
ORIENTATIONS = {
    1: ((1, 0, 0, 1), lambda stored: stored),
    2: ((-1, 0, 0, 1), lambda stored: stored[:, ::-1]),
    3: ((-1, 0, 0, -1), lambda stored: stored[::-1, ::-1]),
    4: ((1, 0, 0, -1), lambda stored: stored[::-1]),
    5: ((0, 1, 1, 0), lambda stored: stored.transpose(1, 0, 2)),
    6: ((0, 1, -1, 0), lambda stored: stored.transpose(1, 0, 2)[:, ::-1]),
    7: ((0, -1, -1, 0), lambda stored: stored.transpose(1, 0, 2)[::-1, ::-1]),
    8: ((0, -1, 1, 0), lambda stored: stored.transpose(1, 0, 2)[::-1]),
}
INVERSE = {6: 8, 8: 6}  # what undoes an orientation is itself, but for the two quarter turns
UPRIGHT = scene(160, 96, 341)


def stored(orientation: int) -> np.ndarray:
    """The picture that a camera keeps so that `orientation` makes it UPRIGHT."""
    undo = ORIENTATIONS[INVERSE.get(orientation, orientation)][1]
    return np.ascontiguousarray(undo(UPRIGHT))


def marked(path: Path, orientation: int) -> Path:
    """An MP4 whose track header holds the display matrix of an orientation."""
    lying = stored(orientation)
    data = bytearray(write_clip(path, [lying] * 3).read_bytes())
    a, b, c, d = ORIENTATIONS[orientation][0]
    height, width = lying.shape[:2]
    x = (width if a < 0 else 0) + (height if c < 0 else 0)
    y = (width if b < 0 else 0) + (height if d < 0 else 0)
    one = 1 << 16
    matrix = (a * one, b * one, 0, c * one, d * one, 0, x * one, y * one, 1 << 30)
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_videos(tmp_path: Path, orientation: int) -> None:
    reader = VideoReader(marked(tmp_path / "phone.mp4", orientation))
    assert (reader.info.width, reader.info.height) == (160, 96)
    frames = list(reader)
    assert len(frames) == 3
    for frame in frames:
        assert number(frame.image_bgr) == 341
        assert np.abs(frame.image_bgr.astype(int) - UPRIGHT).mean() < 4, (
            "mirrored or turned it is off by 30 and more"
        )


@pytest.mark.skipif(not hasattr(cv2, "imencodeWithMetadata"), reason="needs an OpenCV that writes EXIF")
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_photos(tmp_path: Path, orientation: int, suffix: str) -> None:
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">H", orientation) + bytes(6)
    path = tmp_path / f"phone{suffix}"
    exif = [cv2.IMAGE_METADATA_EXIF], [np.frombuffer(tiff, np.uint8)]
    path.write_bytes(cv2.imencodeWithMetadata(suffix, stored(orientation), *exif)[1].tobytes())
    info = probe(path)
    assert (info.width, info.height) == (160, 96)
    got = read_image(path)
    assert np.abs(got.astype(int) - UPRIGHT).mean() < 4
