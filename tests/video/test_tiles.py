"""Tiles of a JPEG: a part decoded alone, or made anew, is exact to the bit."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipsync_edge.types import U8, Region
from lipsync_edge.video.tiles import TiledJpeg, encode, tile_of

SIZES = [(1280, 720), (1920, 1080), (321, 243), (16, 16), (1, 1), (17, 31), (848, 480), (1366, 768)]


def picture(width: int, height: int, seed: int = 0) -> U8:
    numbers = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(numbers, (0, 0), 2.0), np.uint8)


def decoded(jpeg: bytes) -> U8:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def region_in(width: int, height: int, seed: int) -> Region:
    rng = np.random.default_rng(seed)
    (x1, x2), (y1, y2) = np.sort(rng.integers(0, width + 1, 2)), np.sort(rng.integers(0, height + 1, 2))
    x1, y1 = min(int(x1), width - 1), min(int(y1), height - 1)
    return Region(x1, y1, max(int(x2), x1 + 1), max(int(y2), y1 + 1))


@settings(deadline=None, max_examples=40)
@given(size=st.sampled_from(SIZES), seed=st.integers(0, 99), quality=st.sampled_from([60, 85, 97]))
def test_a_part_is_decoded_as_in_the_whole(size: tuple[int, int], seed: int, quality: int) -> None:
    jpeg = encode(picture(*size, seed), quality=quality, full_color=True)
    tiled, region = TiledJpeg(jpeg), region_in(*size, seed)
    tiles = tiled.around(region)
    assert tiles.union(region) == tiles
    assert np.array_equal(decoded(tiled.cut(tiles)), tiles.view(decoded(jpeg)))


@settings(deadline=None, max_examples=40)
@given(size=st.sampled_from(SIZES), seed=st.integers(0, 99), full_color=st.booleans())
def test_a_part_made_anew_gives_the_bytes_of_the_whole(
    size: tuple[int, int], seed: int, full_color: bool
) -> None:
    before, region = picture(*size, seed), region_in(*size, seed)
    after = before.copy()
    region.view(after)[:] = 255 - region.view(after)
    tiled = TiledJpeg(encode(before, quality=85, full_color=full_color))
    tiles = tiled.around(region)
    block = 8 if full_color else 16
    part = encode(tiles.view(after), quality=85, full_color=full_color, tile=tiled.tile_size[0] // block)
    assert tiled.replaced(tiles, TiledJpeg(part)) == encode(after, quality=85, full_color=full_color)


def test_a_tile_ends_with_its_row() -> None:
    assert [tile_of(width, 16) for width in (1280, 1920, 848, 16)] == [8, 8, 1, 1]


def test_what_has_no_tiles_is_refused() -> None:
    plain = cv2.imencode(".jpg", picture(64, 64))[1].tobytes()
    whole = encode(picture(64, 64), quality=85)
    for broken in (b"", b"\xff\xd8", plain, whole[:-40], whole[:100]):
        with pytest.raises(ValueError, match="expected|JPEG"):
            TiledJpeg(broken).cut(Region(0, 0, 16, 16))


def test_parts_of_another_size_are_refused() -> None:
    tiled = TiledJpeg(encode(picture(64, 64), quality=85))
    with pytest.raises(ValueError, match="tiles"):
        tiled.replaced(Region(0, 0, 64, 16), TiledJpeg(encode(picture(64, 64), quality=85)))
