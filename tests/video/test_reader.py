"""Videos and stills as they come: times, rotation, colours, sizes, and what cannot be read."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync_edge.errors import InputError, NoVideoError, UsageError
from lipsync_edge.types import Region
from lipsync_edge.video import reader as reader_module
from lipsync_edge.video.probe import STILL_FPS, probe
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.still_image import read_image
from lipsync_edge.video.still_kinds import is_image
from tests.clips import number, scene, write_clip, write_still

RATES = [
    Fraction(24),
    Fraction(25),
    Fraction(30_000, 1001),
    Fraction(30),
    Fraction(60),
    Fraction(24_000, 1001),
]


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_times_of_a_constant_rate_are_exact(tmp_path: Path, fps: Fraction, suffix: str) -> None:
    reader = VideoReader(write_clip(tmp_path / f"a{suffix}", 50, fps=fps))
    assert reader.info.fps == fps
    assert [frame.time for frame in reader] == [i / fps for i in range(50)]


def test_varying_times_are_kept(tmp_path: Path) -> None:
    pts = [0, 40, 55, 130, 131, 200, 333, 334, 400, 1000]
    path = write_clip(tmp_path / "v.mp4", 10, fps=30, pts=pts, time_base=Fraction(1, 1000))
    assert [frame.time for frame in VideoReader(path)] == [Fraction(p, 1000) for p in pts]


def test_tags_in_no_known_alphabet_do_no_harm(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "t.mkv", 3, title="any title")
    held = path.read_bytes()
    assert b"any title" in held
    path.write_bytes(held.replace(b"any title", b"any\xff\xfetitl"))
    assert len(list(VideoReader(path))) == 3


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "v.mkv", 5, pts=[100, 101, 102, 103, 104], time_base=Fraction(1, 25))
    assert [frame.time for frame in VideoReader(path)] == [Fraction(i, 25) for i in range(5)]


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_obeyed(tmp_path: Path, rotation: int) -> None:
    upright = scene(160, 120, 341)
    turn = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, -90: cv2.ROTATE_90_COUNTERCLOCKWISE}
    lying = np.asarray(cv2.rotate(upright, turn[rotation]), np.uint8)
    # the file says: turn me counterclockwise by `rotation` to stand upright
    reader = VideoReader(write_clip(tmp_path / "r.mp4", [lying] * 3, rotation=rotation))
    assert (reader.info.width, reader.info.height) == (160, 120)
    for frame in reader:
        assert frame.image_bgr.shape == (120, 160, 3)
        assert number(frame.image_bgr) == 341


@pytest.mark.parametrize(
    ("codec", "pixels", "suffix", "size"),
    [
        ("libx264", "yuv420p10le", ".mp4", (160, 120)),
        ("libx264", "yuv444p", ".mp4", (161, 121)),
        ("libvpx-vp9", "yuv420p", ".webm", (161, 121)),
        ("mpeg1video", "yuv420p", ".mpg", (160, 128)),
        ("mpeg4", "yuv420p", ".avi", (160, 120)),
        ("mjpeg", "yuvj420p", ".avi", (160, 120)),
        ("ffv1", "bgr0", ".mkv", (99, 77)),
        ("prores_ks", "yuv422p10le", ".mov", (160, 120)),
    ],
)
def test_formats_forwards_and_backwards(
    tmp_path: Path,
    codec: str,
    pixels: str,
    suffix: str,
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader_module, "_HELD_BYTES", size[0] * size[1] * 3 * 4)  # four frames at a time
    full = 2 if pixels == "yuvj420p" else 1
    clip = write_clip(tmp_path / f"a{suffix}", 23, size=size, codec=codec, pixels=pixels, colours=full)
    video = VideoReader(clip)
    forwards = list(video)
    assert forwards[0].image_bgr.shape == (size[1], size[0], 3)
    assert [number(frame.image_bgr) for frame in forwards] == list(range(23))
    back = list(video.backward())
    assert [frame.time for frame in back] == [frame.time for frame in reversed(forwards)]
    for one, other in zip(reversed(forwards), back, strict=True):
        assert np.array_equal(one.image_bgr, other.image_bgr)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_backwards_over_long_groups_of_pictures(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_HELD_BYTES", 160 * 120 * 3 * 7)
    options = {"crf": "10", "g": "60", "bf": "3", "x264-params": "open-gop=1"}
    video = VideoReader(write_clip(tmp_path / f"a{suffix}", 150, options=options))
    assert [number(frame.image_bgr) for frame in video] == list(range(150))
    assert [number(frame.image_bgr) for frame in video.backward()] == list(range(149, -1, -1))


def test_part_of_a_video(tmp_path: Path) -> None:
    video = VideoReader(write_clip(tmp_path / "a.mp4", 50), start=0.4, end=1.0)
    assert [number(frame.image_bgr) for frame in video] == list(range(10, 25))
    assert [number(frame.image_bgr) for frame in video] == list(range(10, 25))
    assert video.time(0) == 0
    assert [number(frame.image_bgr) for frame in video.backward()] == list(range(24, 9, -1))


def test_a_part_that_is_not_there(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 5)
    with pytest.raises(NoVideoError):
        list(VideoReader(clip, start=3.0))
    with pytest.raises(UsageError):
        VideoReader(clip, start=2.0, end=1.0)


@pytest.mark.parametrize("matrix", [1, 2], ids=["bt709", "untagged"])
@pytest.mark.parametrize("colours", [1, 2], ids=["limited", "full"])
def test_colours_are_those_that_were_written(tmp_path: Path, matrix: int, colours: int) -> None:
    picture = scene()
    lossless = {"qp": "0"}
    clip = write_clip(
        tmp_path / "a.mp4", [picture], matrix=matrix, colours=colours, options=lossless, pixels="yuv444p"
    )
    got = next(iter(VideoReader(clip))).image_bgr.astype(int)
    assert np.abs(got - picture).mean() < 1.0  # another matrix would be off by 5 to 10


def test_stills(tmp_path: Path) -> None:
    picture = scene(90, 70)
    path = write_still(tmp_path / "Bild ä.ö 图.png", picture)
    assert is_image(path)
    assert np.array_equal(read_image(path), picture)
    info = probe(path)
    assert (info.width, info.height, info.fps, info.still) == (90, 70, STILL_FPS, True)
    assert is_image(write_still(tmp_path / "x.webp", picture).rename(tmp_path / "webp named.mp4"))
    assert not is_image(write_clip(tmp_path / "v.mp4", 2))


def test_a_still_lying_on_its_side_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    upright = scene(96, 64)
    lying = np.asarray(cv2.rotate(upright, cv2.ROTATE_90_COUNTERCLOCKWISE), np.uint8)
    jpeg = cv2.imencode(".jpg", lying, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    tag = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
    path = tmp_path / "phone.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + jpeg[2:])
    got = read_image(path)
    assert got.shape == upright.shape
    assert np.abs(got.astype(int) - upright).mean() < 3


def bad_inputs(folder: Path) -> dict[str, Path]:
    clip = write_clip(folder / "whole.mp4", 20).read_bytes()
    jpeg = write_still(folder / "whole.jpg", scene()).read_bytes()
    files = {
        "empty": b"",
        "text": b"not a video at all\n" * 50,
        "cut": clip[: len(clip) // 2],
        "zeros": bytes(5000),
        "half jpeg header": jpeg[:20],
        "noise": np.random.default_rng(0).integers(0, 256, 9000, dtype=np.uint8).tobytes(),
    }
    paths = {name: folder / f"{name}.mp4" for name in files}
    for name, content in files.items():
        paths[name].write_bytes(content)
    return paths | {"folder": folder, "missing": folder / "no such file.mp4"}


@pytest.mark.parametrize(
    "name", ["empty", "text", "cut", "zeros", "half jpeg header", "noise", "folder", "missing"]
)
def test_what_cannot_be_read_is_an_input_error_of_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        probe(bad_inputs(tmp_path)[name])
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert "expected" in str(caught.value)


def test_sound_alone_is_no_face(tmp_path: Path) -> None:
    from tests.clips import write_sound

    with pytest.raises(NoVideoError):
        probe(write_sound(tmp_path / "a.wav"))


def test_pictures_too_small_and_too_large(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="8x8"):
        probe(write_still(tmp_path / "small.png", np.zeros((8, 8, 3), np.uint8)))
    with pytest.raises(InputError, match="16000x8001"):
        probe(write_still(tmp_path / "large.png", np.zeros((8001, 16_000, 3), np.uint8)))


def test_a_damaged_stretch_is_passed_over(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mkv", 100, size=(320, 240), options={"g": "10", "crf": "5"})
    data = bytearray(clip.read_bytes())
    third = len(data) // 3
    data[third : third + 3000] = bytes(3000)
    clip.write_bytes(bytes(data))
    frames = list(VideoReader(clip))
    assert 60 < len(frames) <= 100
    assert number(frames[-1].image_bgr) == 99


def test_a_part_is_converted_as_the_whole_is(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "v.mp4", [scene(160, 120, i) for i in range(4)])
    parts = [Region(31, 17, 90, 77), None, Region(0, 0, 0, 0), Region(100, 60, 170, 130)]
    read = list(VideoReader(path, part_of=parts.__getitem__))
    for one, whole, part in zip(read, VideoReader(path), parts, strict=True):
        assert one.time == whole.time
        assert one.source is not None
        assert one.image_bgr.shape == whole.image_bgr.shape
        if part is None:
            assert one.part is None
            assert np.array_equal(one.image_bgr, whole.image_bgr)
            continue
        assert one.part is not None
        assert one.part.union(Region(part.x1, part.y1, min(part.x2, 160), min(part.y2, 120))) == one.part
        assert np.array_equal(one.part.view(one.image_bgr), one.part.view(whole.image_bgr))
        assert np.array_equal(one.part.view(one.copy_of_image()), one.part.view(whole.image_bgr))


def test_pictures_that_must_be_turned_are_converted_whole(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "v.mp4", [scene(160, 120, 1)], rotation=90)
    frame = next(iter(VideoReader(path, part_of=lambda position: Region(0, 0, 8, 8))))
    assert frame.part is None
    assert frame.source is None
