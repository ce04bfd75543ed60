"""Files of one picture, whatever their kind, are stills at 25 frames a second; moving ones are films."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lipsync_edge.errors import InputError
from lipsync_edge.video.loop import endless_frames
from lipsync_edge.video.probe import STILL_FPS, probe
from lipsync_edge.video.reader import VideoReader, read_still
from lipsync_edge.video.still_kinds import is_image
from tests.clips import number, scene, write_still

KINDS = [
    ("libsvtav1", "yuv420p", ".avif"),
    ("gif", "rgb8", ".gif"),
    ("libx264", "yuv420p", ".mp4"),
    ("png", "rgb24", ".mov"),
]


def write(path: Path, codec: str, pixels: str, count: int) -> Path:
    """So many pictures in a file."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=20, options={"crf": "5"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = 160, 120, pixels
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(scene(160, 120, 100 + i), format="bgr24").reformat(
                format=pixels
            )
            frame.pts, frame.time_base = i, Fraction(1, 20)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("codec", "pixels", "suffix"), KINDS, ids=lambda one: str(one))
def test_one_picture_is_a_still(tmp_path: Path, codec: str, pixels: str, suffix: str) -> None:
    path = write(tmp_path / f"photo{suffix}", codec, pixels, 1)
    info = probe(path)
    assert (info.still, info.fps, info.width, info.height) == (True, STILL_FPS, 160, 120)
    assert number(read_still(path)) == 100
    frames = endless_frames(path, info, "pingpong")
    assert [next(frames).time for _ in range(3)] == [0, Fraction(1, 25), Fraction(2, 25)]


@pytest.mark.parametrize(("codec", "pixels", "suffix"), KINDS, ids=lambda one: str(one))
def test_several_are_a_film(tmp_path: Path, codec: str, pixels: str, suffix: str) -> None:
    path = write(tmp_path / f"film{suffix}", codec, pixels, 6)
    video = VideoReader(path)
    assert (video.info.still, video.info.fps, video.info.tracks) == (False, 20, 1)
    assert [number(frame.image_bgr) for frame in video] == list(range(100, 106))
    assert np.array_equal(read_still(path), next(iter(video)).image_bgr)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((4032, 3024), (3324, 2494)),  # 12 MP of a telephone
        ((3024, 4032), (2494, 3324)),
        ((8000, 6000), (3324, 2494)),
        ((9000, 2000), (3840, 852)),
        ((3840, 2160), (3840, 2160)),
        ((1001, 777), (1001, 777)),
    ],
)
def test_a_large_photo_is_scaled_to_what_players_take(
    tmp_path: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    small = scene(size[0] // 8, size[1] // 8, 341)
    path = write_still(tmp_path / "photo.jpg", cv2.resize(small, size, interpolation=cv2.INTER_NEAREST))
    info = probe(path)
    assert (info.width, info.height) == shown
    assert info.scaled_from == (None if size == shown else size)
    assert info.scale == shown[0] / size[0]
    picture = read_still(path)
    assert picture.shape == (shown[1], shown[0], 3)
    assert number(picture) == 341
    assert (
        np.abs(
            cv2.resize(picture, small.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int) - small
        ).mean()
        < 4
    )


def test_a_large_photo_that_opencv_does_not_read_is_scaled_without_a_border(tmp_path: Path) -> None:
    path = tmp_path / "photo.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 4032, 3024, "yuvj420p"
        white = np.full((3024, 4032, 3), 250, np.uint8)
        container.mux(
            stream.encode(av.VideoFrame.from_ndarray(white, format="bgr24").reformat(format="yuvj420p"))
        )
        container.mux(stream.encode(None))
    info = probe(path)
    assert (info.still, info.width, info.height, info.scaled_from) == (True, 3324, 2494, (4032, 3024))
    picture = read_still(path)
    assert picture.shape == (2494, 3324, 3)
    assert picture.min() > 240


def test_an_animated_png_is_a_film(tmp_path: Path) -> None:
    made = write(tmp_path / "film.apng", "apng", "rgb24", 6).rename(tmp_path / "film.png")
    info = probe(made)
    assert (info.still, info.width) == (False, 160)
    assert [number(frame.image_bgr) for frame in VideoReader(made)] == list(range(100, 106))
    one = write(tmp_path / "one.apng", "apng", "rgb24", 1).rename(tmp_path / "one.png")
    assert probe(one).still


def test_jpegs_one_after_another_are_a_film_and_photos_with_a_second_picture_are_not(tmp_path: Path) -> None:
    jpegs = [cv2.imencode(".jpg", scene(160, 120, 100 + i))[1].tobytes() for i in range(4)]
    film = tmp_path / "camera.mjpeg"
    film.write_bytes(b"".join(jpegs))
    assert not probe(film).still
    assert [number(frame.image_bgr) for frame in VideoReader(film)] == list(range(100, 104))
    named = b"\xff\xe2" + struct.pack(">H", 10) + b"MPF\0II*\0"
    photo = tmp_path / "photo.jpg"
    for data in (
        jpegs[0][:2] + named + jpegs[0][2:] + jpegs[1],
        jpegs[0] + bytes(99) + jpegs[1],
        jpegs[0][:900],
    ):
        photo.write_bytes(data)
        assert is_image(photo)


def test_an_animated_webp_is_refused_by_name(tmp_path: Path) -> None:
    inner = cv2.imencode(".webp", scene(160, 120))[1].tobytes()[12:]
    for flags in (0x02, 0x10):
        head = (
            b"VP8X"
            + struct.pack("<IB3x", 10, flags)
            + (159).to_bytes(3, "little")
            + (119).to_bytes(3, "little")
        )
        path = tmp_path / f"{flags}.webp"
        path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(head) + len(inner)) + b"WEBP" + head + inner)
    with pytest.raises(InputError, match="animated WebP"):
        probe(tmp_path / "2.webp")
    assert probe(tmp_path / "16.webp").still
