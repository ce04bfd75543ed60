"""HEIC and AVIF stills as telephones write them: tiles put together, turned, transparent; the rest refused by name."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random

import av
import numpy as np
import pytest

from lipsync_edge.errors import InputError, LipsyncError, NoVideoError
from lipsync_edge.video.heif import read_heif
from lipsync_edge.video.loop import endless_frames
from lipsync_edge.video.probe import STILL_FPS, probe
from lipsync_edge.video.reader import read_still
from tests.clips import number, scene
from tests.hostile.mutate import mutated
from tests.video.heif_files import ALPHA, Item, box, coded, grid_items, size_of, turned, write_heif

SCENE = scene(400, 300, 341)


def near(picture: np.ndarray, wanted: np.ndarray, most: float = 12.0) -> bool:
    """Whether two pictures are alike everywhere, in the mean of blocks of 10 x 10, seams between tiles included."""
    assert picture.shape == wanted.shape
    high, wide = (side // 10 * 10 for side in wanted.shape[:2])
    off = (picture.astype(int) - wanted)[:high, :wide].reshape(high // 10, 10, wide // 10, 10, 3)
    return float(np.abs(off.mean((1, 3))).max()) < most


@pytest.mark.parametrize("codec", ["av1", "hevc"])
@pytest.mark.parametrize(("index_last", "idat"), [(False, True), (True, False)])
def test_tiles_are_put_together(tmp_path: Path, codec: str, index_last: bool, idat: bool) -> None:
    """Tiles of 128 x 128 that reach beyond the picture's right and lower edge."""
    path = write_heif(
        tmp_path / "phone.heic",
        grid_items(SCENE, (128, 128), tmp_path, codec),
        index_last=index_last,
        idat=idat,
    )
    info = probe(path)
    assert (info.still, info.fps, info.width, info.height) == (True, STILL_FPS, 400, 300)
    picture = read_still(path)
    assert number(picture) == 341
    assert near(picture, SCENE)
    frames = endless_frames(path, info, "pingpong")
    assert [next(frames).time for _ in range(3)] == [0, Fraction(1, 25), Fraction(2, 25)]


def test_a_photo_of_a_telephone(tmp_path: Path) -> None:
    """12 MP upright: tiles of 512 x 512, turned by a quarter, scaled to what players take."""
    small = np.rot90(scene(504, 378, 99), -1)
    photo = np.ascontiguousarray(small.repeat(8, 0).repeat(8, 1))
    tiles = grid_items(photo, (512, 512), tmp_path, turns=[turned(b"irot", 1)])
    info = probe(write_heif(tmp_path / "IMG_0001.HEIC", tiles, idat=True))
    assert len(tiles) == 49
    assert (info.still, info.width, info.height, info.scaled_from) == (True, 3324, 2494, (4032, 3024))
    assert number(read_still(tmp_path / "IMG_0001.HEIC")) == 99


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirror", [None, 0, 1])
def test_a_grid_is_turned_and_mirrored_as_it_says(tmp_path: Path, quarters: int, mirror: int | None) -> None:
    turns = [turned(b"irot", quarters), *([] if mirror is None else [turned(b"imir", mirror)])]
    path = write_heif(tmp_path / "x.heic", grid_items(SCENE, (208, 160), tmp_path, turns=turns))
    wanted = np.rot90(SCENE, quarters)
    wanted = wanted if mirror is None else np.flip(wanted, mirror)
    assert (probe(path).width, probe(path).height) == wanted.shape[1::-1]
    assert near(read_still(path), wanted)


def test_a_clean_aperture_is_cut_out(tmp_path: Path) -> None:
    clap = box(b"clap", b"".join(n.to_bytes(4, "big", signed=True) for n in (200, 1, 100, 1, -40, 1, 30, 1)))
    path = write_heif(tmp_path / "x.heic", grid_items(SCENE, (208, 160), tmp_path, turns=[clap]))
    assert near(read_still(path), SCENE[130:230, 60:260])


@pytest.mark.parametrize("in_tiles", [False, True])
@pytest.mark.parametrize("premultiplied", [False, True])
def test_transparency_is_laid_on_the_background(tmp_path: Path, in_tiles: bool, premultiplied: bool) -> None:
    """What lies hidden under it, here red, does not come out."""
    alpha = np.full(SCENE.shape, 255, np.uint8)
    alpha[:100] = 0
    alpha[200:] = 128
    under = SCENE.copy()
    under[:100] = (0, 0, 255)
    stored = (under * (alpha / 255.0)).astype(np.uint8) if premultiplied else under
    tile = (208, 160) if in_tiles else (400, 300)
    items = grid_items(stored, tile, tmp_path)
    number_of_alpha = len(items) + 1
    extra = grid_items(alpha, tile, tmp_path, first=number_of_alpha)
    extra[0].properties = [*extra[0].properties, box(b"auxC", ALPHA, version=0)]
    tiles_of_alpha = extra[0].refers
    assert tiles_of_alpha is not None
    plain = write_heif(tmp_path / "opaque.heic", items)
    assert not probe(plain).transparent
    # an item has one reference here: those of the alpha's own tiles go to an entry that is the same item
    path = write_heif(tmp_path / "x.heic", [*items, *extra])
    linked = _with_links(path.read_bytes(), number_of_alpha, premultiplied=premultiplied)
    path.write_bytes(linked)
    assert probe(path).transparent
    picture = read_still(path, (0, 255, 0))
    assert near(picture[:90], np.full((90, 400, 3), (0, 255, 0), np.uint8))
    assert near(picture[110:190], SCENE[110:190])
    half = (SCENE[210:] * 0.502 + np.array((0, 255, 0)) * 0.498).astype(np.uint8)
    assert near(picture[210:], half)


def test_a_smaller_alpha_is_stretched(tmp_path: Path) -> None:
    alpha = np.full((150, 200, 3), 255, np.uint8)
    alpha[:75] = 0
    items = [*grid_items(SCENE, (400, 300), tmp_path), *grid_items(alpha, (200, 150), tmp_path, first=3)]
    items[2].properties = [*items[2].properties, box(b"auxC", ALPHA, version=0)]
    path = write_heif(tmp_path / "x.heic", items)
    path.write_bytes(_with_links(path.read_bytes(), 3, premultiplied=False))
    picture = read_still(path, (0, 255, 0))
    assert near(picture[:140], np.full((140, 400, 3), (0, 255, 0), np.uint8))
    assert near(picture[160:], SCENE[160:])


def _with_links(data: bytes, alpha: int, *, premultiplied: bool) -> bytes:
    """Add `auxl`, and `prem`, to a file's references; the index lies before the data, so that places move with it."""
    links = box(b"auxl", alpha.to_bytes(2, "big"), b"\0\1\0\1")
    if premultiplied:
        links += box(b"prem", b"\0\1\0\1", alpha.to_bytes(2, "big"))
    made = bytearray(data)
    for kind in (b"meta", b"iref"):
        at = made.index(kind) - 4
        made[at : at + 4] = (int.from_bytes(made[at : at + 4], "big") + len(links)).to_bytes(4, "big")
    end = made.index(b"iref") - 4
    end += int.from_bytes(made[end : end + 4], "big") - len(links)
    made[end:end] = links
    at = made.index(b"iloc") + 4 + 4 + 2
    for place in range(at + 2, at + 2 + 16 * int.from_bytes(made[at : at + 2], "big"), 16):
        offset = int.from_bytes(made[place + 8 : place + 12], "big") + len(links)
        made[place + 8 : place + 12] = offset.to_bytes(4, "big")
    return bytes(made)


def test_what_cannot_be_put_together_is_refused_by_name(tmp_path: Path) -> None:
    items = grid_items(SCENE, (208, 160), tmp_path)
    items[0] = replace(items[0], kind=b"iovl")
    with pytest.raises(InputError, match=r"in equal tiles, in collage\.heic; got one of the kind 'iovl'"):
        probe(write_heif(tmp_path / "collage.heic", items))


def test_tiles_that_are_missing_or_unequal_are_said(tmp_path: Path) -> None:
    items = grid_items(SCENE, (208, 160), tmp_path)
    damaged = [*items[:2], replace(items[2], data=b"\0" * 40), *items[3:]]
    with pytest.raises(
        NoVideoError, match=r"4 tiles that make 400x300 in x\.heic; got tiles that are missing"
    ):
        read_still(write_heif(tmp_path / "x.heic", damaged))
    data, decoder = coded(SCENE[:80, :96], tmp_path, "av1")
    other = [*items[:2], Item(b"av01", data, [size_of(208, 160), decoder]), *items[3:]]
    with pytest.raises(InputError, match=r"tiles of one size"):
        read_still(write_heif(tmp_path / "y.heic", other))


def test_a_grid_that_claims_to_be_huge_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    items = grid_items(SCENE, (208, 160), tmp_path)
    items[0] = replace(items[0], data=bytes([0, 1, 1, 1]) + (60_000).to_bytes(4, "big") * 2)
    with pytest.raises(InputError, match=r"at most 128 million pixels; got 60000x60000"):
        probe(write_heif(tmp_path / "x.heic", items))


def test_films_and_other_files_are_none(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "film.avif"), "w") as container:
        stream = container.add_stream("libsvtav1", rate=20)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for i in range(3):
            frame = av.VideoFrame.from_ndarray(scene(160, 120, i), format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 20)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert read_heif(tmp_path / "film.avif") is None
    assert not probe(tmp_path / "film.avif").still
    (tmp_path / "short").write_bytes(b"\0\0\0\x18ftypheic")
    assert read_heif(tmp_path / "short") is None


def test_damaged_indexes_raise_errors_of_ours_alone(tmp_path: Path) -> None:
    whole = write_heif(tmp_path / "x.heic", grid_items(SCENE, (208, 160), tmp_path), idat=True).read_bytes()
    index, rng, kinds = whole[: whole.index(b"mdat")], Random(7), set()
    for _ in range(400):
        (tmp_path / "y.heic").write_bytes(mutated(index, rng) + whole[len(index) :])
        try:
            kinds.add(read_heif(tmp_path / "y.heic") is None)
        except LipsyncError:
            kinds.add("refused")
    assert {True, False} <= kinds
