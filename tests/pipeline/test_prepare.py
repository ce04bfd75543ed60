"""From a face file to an avatar."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lipsync_edge.errors import InputError, NoFaceError, UsageError
from lipsync_edge.models.preset import Preset
from lipsync_edge.pipeline.avatar import AvatarOrigin, load_avatar
from lipsync_edge.pipeline.avatar_file import damaged_file, read_avatar, write_avatar
from lipsync_edge.pipeline.prepare import PrepareOptions, build_avatar
from lipsync_edge.render.lips import Lips
from lipsync_edge.types import U8, Region
from tests import fakes
from tests.scripted import bright_spot_detector, frame_with_spot

ENGINE = fakes.engine_of(
    preset=Preset(name="t", description="", detect="d", lips="l", detect_side=0),
    detector=bright_spot_detector(),
    lips=Lips(fakes.warp_lips()),
)


def picture(i: int) -> U8:
    """A bright face that wanders slowly; grey behind it."""
    frame = frame_with_spot(96, 128, 32, 32, 32)
    frame[:, 100:] = 5 * i
    return frame


def write_video(path: Path, count: int, rate: Fraction, draw=picture) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.height, stream.width = draw(0).shape[:2]
        stream.pix_fmt = "yuv420p"
        for i in range(count):
            for packet in stream.encode(av.VideoFrame.from_ndarray(draw(i), format="bgr24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_a_video(tmp_path: Path, rate: Fraction) -> None:
    write_video(tmp_path / "face.v1.mp4", 14, rate)
    avatar = ENGINE.prepare(tmp_path / "face.v1.mp4")
    assert (len(avatar), avatar.fps, avatar.size) == (14, rate, (128, 96))
    assert avatar.origin == AvatarOrigin.of(ENGINE.detector, ENGINE.preset)
    face = avatar.face(5)
    assert face is not None
    assert face.box_xyxy == pytest.approx([32, 32, 64, 64], abs=0.5)
    assert face.landmarks is not None
    with ENGINE.stream(avatar) as stream:
        frames = list(stream.push(np.zeros(16_000, np.float32))) + list(stream.flush())
    assert len(frames) == -(-rate.numerator // rate.denominator)
    assert np.abs(frames[13].image_bgr[:, 110:].mean() - 5 * 13) < 4


def test_a_part_of_a_video(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 50, Fraction(25))
    avatar = ENGINE.prepare(tmp_path / "a.mp4", options=PrepareOptions(start=0.4, seconds=0.8))
    assert len(avatar) == 20
    assert np.abs(avatar.picture(0)[:, 110:].mean() - 5 * 10) < 4


def test_a_still(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), picture(3))
    avatar = ENGINE.prepare(tmp_path / "face.png")
    assert len(avatar) == 1
    assert np.abs(avatar.picture(0).astype(int) - picture(3)).mean() < 1
    with ENGINE.stream(avatar, fps=25) as stream:
        assert len(list(stream.idle(3))) == 3


def test_no_face_no_file_no_sense(tmp_path: Path) -> None:
    write_video(tmp_path / "blank.mp4", 8, Fraction(25), lambda i: np.full((96, 128, 3), 40, np.uint8))
    with pytest.raises(NoFaceError, match="8 frames"):
        ENGINE.prepare(tmp_path / "blank.mp4")
    with pytest.raises(InputError):
        ENGINE.prepare(tmp_path / "none.mp4")
    with pytest.raises(UsageError):
        PrepareOptions(seconds=0)


def test_uneven_times_are_taken_at_their_mean_rate() -> None:
    times = [Fraction(0), Fraction(1, 10), Fraction(1, 5), Fraction(1, 2), Fraction(1)]
    box = np.array([32, 32, 64, 64], np.float32)
    frames = [fakes.framed(i, picture(i), time, box, None, i == 0) for i, time in enumerate(times)]
    assert build_avatar(frames, Fraction(25), AvatarOrigin.of(ENGINE.detector, ENGINE.preset)).fps == 4
    even = [fakes.framed(i, picture(i), Fraction(i, 25), box, None, i == 0) for i in range(5)]
    assert build_avatar(even, Fraction(25), AvatarOrigin.of(ENGINE.detector, ENGINE.preset)).fps == 25


def test_frames_of_two_sizes_are_refused() -> None:
    frames = [fakes.framed(i, picture(0)[: 96 - i], Fraction(i, 25), shot_start=i == 0) for i in range(2)]
    with pytest.raises(InputError, match="one size"):
        build_avatar(frames, Fraction(25), AvatarOrigin.of(ENGINE.detector, ENGINE.preset))


def large(i: int) -> U8:
    return np.asarray(cv2.resize(picture(i), (256, 192), interpolation=cv2.INTER_NEAREST), np.uint8)


@pytest.mark.parametrize(("max_side", "size"), [(128, (128, 96)), (0, (256, 192)), (1920, (256, 192))])
def test_larger_pictures_are_scaled_once(tmp_path: Path, max_side: int, size: tuple[int, int]) -> None:
    write_video(tmp_path / "a.mp4", 8, Fraction(25), large)
    cv2.imwrite(str(tmp_path / "face.png"), large(3))
    box, part = (60.0, 64.0, 120.0, 130.0), size[0] / 256
    for face in ("a.mp4", "face.png"):
        options = PrepareOptions(max_side=max_side, box_xyxy=box)
        avatar = ENGINE.prepare(tmp_path / face, options=options)
        assert avatar.size == size
        assert avatar.faces[0, :4].tolist() == [part * side for side in box]
        middle = avatar.picture(0)[round(96 * part), round(96 * part)]
        assert middle.min() > 200


def test_a_face_is_found_in_the_scaled_picture(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 8, Fraction(25), large)
    found = ENGINE.prepare(tmp_path / "a.mp4", options=PrepareOptions(max_side=128)).face(5)
    assert found is not None
    assert found.box_xyxy == pytest.approx([32, 32, 64, 64], abs=0.5)
    with pytest.raises(UsageError, match="64 pixels"):
        PrepareOptions(max_side=30)


def test_a_damaged_picture_is_told_before_it_is_decoded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / "face.mp4", 3, Fraction(25))
    made, path = ENGINE.prepare(tmp_path / "face.mp4"), tmp_path / "face.avatar"
    made.save(path)
    whole, data = load_avatar(path), bytearray(path.read_bytes())
    assert np.array_equal(whole.picture(1), made.picture(1))
    middle = int(whole.offsets[1] + whole.offsets[2]) // 2
    data[middle : middle + 8] = bytes(8)
    path.write_bytes(data)
    damaged = load_avatar(path)
    assert np.array_equal(damaged.picture(0), made.picture(0))
    for look in (lambda: damaged.picture(1), lambda: damaged.part(1, Region(40, 40, 60, 60))):
        with pytest.raises(InputError, match="damaged picture 1"):
            look()
    assert capfd.readouterr().err == ""


def test_an_avatar_without_checksums_is_read(tmp_path: Path) -> None:
    write_video(tmp_path / "face.mp4", 3, Fraction(25))
    made = ENGINE.prepare(tmp_path / "face.mp4")
    made.save(tmp_path / "new.avatar")
    with damaged_file(tmp_path / "new.avatar"):
        stored, _ = read_avatar(tmp_path / "new.avatar")
    stored.header.pop("checksums")
    write_avatar(tmp_path / "old.avatar", replace(stored, offsets=stored.offsets - stored.offsets[0]))
    old = load_avatar(tmp_path / "old.avatar")
    assert old.checksums is None
    assert np.array_equal(old.picture(2), made.picture(2))
