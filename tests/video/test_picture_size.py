"""What a picture's header claims is read without a decoder, and believed only so far."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipsync_edge.errors import InputError, NoVideoError
from lipsync_edge.video.picture_size import PictureSize, picture_size
from lipsync_edge.video.still_image import read_image
from tests.clips import scene

KINDS = ("jpg", "png", "bmp", "tiff", "webp")


def encoded(
    suffix: str, size: tuple[int, int] = (160, 120), *, alpha: bool = False, deep: bool = False
) -> bytes:
    picture = scene(*size)
    if alpha:
        picture = np.dstack([picture, np.full(picture.shape[:2], 99, np.uint8)])
    if deep:
        picture = picture.astype(np.uint16) * 257
    return cv2.imencode(f".{suffix}", picture)[1].tobytes()


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("size", [(160, 120), (33, 17), (301, 1000)])
def test_the_size_is_the_one_that_decodes(suffix: str, size: tuple[int, int]) -> None:
    found = picture_size(encoded(suffix, size))
    assert found is not None
    assert (found.width, found.height) == size


@pytest.mark.parametrize(
    ("suffix", "alpha", "deep", "bytes_a_pixel"),
    [("png", False, True, 8), ("png", True, False, 4), ("png", True, True, 8), ("tiff", False, True, 6)],
)
def test_deep_and_transparent_pictures_take_more(
    suffix: str, alpha: bool, deep: bool, bytes_a_pixel: int
) -> None:
    found = picture_size(encoded(suffix, alpha=alpha, deep=deep))
    assert found == PictureSize(160, 120, bytes_a_pixel)


@pytest.mark.parametrize("suffix", KINDS)
@settings(deadline=None)
@given(data=st.data())
def test_damaged_headers_give_a_size_or_none(suffix: str, data: st.DataObject) -> None:
    whole = bytearray(encoded(suffix))
    for _ in range(data.draw(st.integers(0, 5))):
        whole[data.draw(st.integers(0, min(len(whole) - 1, 700)))] = data.draw(st.integers(0, 255))
    found = picture_size(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    assert found is None or found.pixels >= 0


def test_what_is_too_large_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    whole = bytearray(encoded("png"))
    whole[16:24] = (30_000).to_bytes(4, "big") * 2
    path = tmp_path / "p.png"
    path.write_bytes(whole)
    with pytest.raises(InputError, match="30000x30000"):
        read_image(path)
    path.write_bytes(whole[:20])
    with pytest.raises(NoVideoError, match="does not decode"):
        read_image(path)


def test_libraries_are_silent_and_others_are_heard(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = bytearray(encoded("png"))
    whole[-30] ^= 1
    path = tmp_path / "p.png"
    path.write_bytes(whole)
    with pytest.raises(NoVideoError):
        read_image(path)
    assert capfd.readouterr().err == ""
