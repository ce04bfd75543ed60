"""Transparent pictures and films are laid on white: nothing that was hidden comes out."""

import struct
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lipsync_edge.errors import UsageError
from lipsync_edge.video.alpha import color_of
from lipsync_edge.video.loop import endless_frames
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader, read_still
from lipsync_edge.video.still_image import read_image

HIDDEN, SEEN = (10, 20, 200), (60, 160, 40)


def cut_out(width: int = 160, height: int = 120) -> np.ndarray:
    """A picture seen in its left half, half transparent in a band, hidden in the rest, uint8 (H, W, 4) BGRA."""
    picture = np.zeros((height, width, 4), np.uint8)
    picture[..., :3] = HIDDEN
    picture[:, : width // 2, :3], picture[:, : width // 2, 3] = SEEN, 255
    picture[: height // 4, : width // 2, 3] = 128
    picture[0, 0, :3] = 255  # a corner that tells which way up it is
    return picture


def check(image_bgr: np.ndarray, tolerance: int = 3) -> None:
    """Raise unless the picture is `cut_out` on white; edges, where chroma is shared, aside."""
    assert image_bgr.shape == (120, 160, 3)
    for rows, columns, color in (
        (slice(34, None), slice(0, 76), SEEN),
        (slice(4, 26), slice(4, 76), [(one * 128 + 255 * 127) / 255 for one in SEEN]),
        (slice(None), slice(84, None), (255, 255, 255)),
    ):
        assert np.abs(image_bgr[rows, columns] - np.array(color)).max() <= tolerance


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_stills(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(cv2.imencode(suffix, cut_out())[1].tobytes())
    check(read_image(path))
    assert probe(path).transparent


def test_a_still_of_sixteen_bits(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", cut_out().astype(np.uint16) * 257)[1].tobytes())
    check(read_image(path))


@pytest.mark.skipif(not hasattr(cv2, "imencodeWithMetadata"), reason="needs an OpenCV that writes EXIF")
@pytest.mark.parametrize("orientation", [3, 4, 6])
def test_a_still_that_lies_on_its_side(tmp_path: Path, orientation: int) -> None:
    undo = {3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 6: lambda a: np.rot90(a)}
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">H", orientation) + bytes(6)
    stored = np.ascontiguousarray(undo[orientation](cut_out()))
    exif = [cv2.IMAGE_METADATA_EXIF], [np.frombuffer(tiff, np.uint8)]
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencodeWithMetadata(".png", stored, *exif)[1].tobytes())
    check(read_image(path))


def test_an_opaque_still_keeps_every_bit(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 4), dtype=np.uint8)
    noise[..., 3] = 255
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    assert np.array_equal(read_image(path), noise[..., :3])
    assert not probe(path).transparent


@pytest.mark.parametrize(
    ("codec", "pixels", "suffix"),
    [
        ("png", "rgba", ".mov"),
        ("qtrle", "argb", ".mov"),
        ("prores_ks", "yuva444p10le", ".mov"),
        ("ffv1", "yuva420p", ".mkv"),
        ("ffv1", "bgra", ".mkv"),
    ],
)
def test_films(tmp_path: Path, codec: str, pixels: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, pixels
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(cut_out(), format="bgra").reformat(format=pixels)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert probe(path).transparent
    frames = list(VideoReader(path))
    assert len(frames) == 3
    for frame in frames:
        check(frame.image_bgr, tolerance=6)
        assert frame.source is None


@pytest.mark.parametrize(
    ("said", "color_bgr"),
    [
        ("white", (255, 255, 255)),
        ("black", (0, 0, 0)),
        ("#204060", (0x60, 0x40, 0x20)),
        ("204060", (96, 64, 32)),
    ],
)
def test_the_background_is_what_was_asked_for(
    tmp_path: Path, said: str, color_bgr: tuple[int, int, int]
) -> None:
    clear = np.full((40, 60, 4), 77, np.uint8)
    clear[:, :30, 3], clear[:, 30:, 3] = 0, 255
    path = tmp_path / "half.png"
    path.write_bytes(cv2.imencode(".png", clear)[1].tobytes())
    shown = read_still(path, color_of(said))
    assert (shown[:, :30] == color_bgr).all()
    assert (shown[:, 30:] == 77).all()
    film = endless_frames(path, probe(path), "cut", background=color_of(said))
    assert np.array_equal(next(film).image_bgr, shown)


@pytest.mark.parametrize("said", ["", "#", "#12345", "#1234567", "chartreuse", "#zzzzzz", "#12 456"])
def test_a_background_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match="background"):
        color_of(said)
