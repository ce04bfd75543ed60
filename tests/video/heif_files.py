"""HEIF stills made on the spot: in tiles, turned, transparent, as telephones and programs write them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

U8 = np.ndarray
CODECS = {"av1": ("libsvtav1", b"av01", b"av1C"), "hevc": ("libx265", b"hvc1", b"hvcC")}
ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


def box(kind: bytes, *parts: bytes, version: int | None = None, flags: int = 0) -> bytes:
    """A box of ISO media files; with a version it is a full one."""
    head = b"" if version is None else bytes([version]) + flags.to_bytes(3, "big")
    body = head + b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


@dataclass
class Item:
    """One entry of the index: its kind, data and properties, and where it refers to."""

    kind: bytes
    data: bytes
    properties: Sequence[bytes]
    refers: tuple[bytes, Sequence[int]] | None = None


def coded(picture: U8, folder: Path, codec: str) -> tuple[bytes, bytes]:
    """Encode a picture, uint8 (H, W, 3) BGR; return its data and its decoder's box."""
    encoder, _, box_kind = CODECS[codec]
    path = folder / "tile.mp4"
    options = {"crf": "5", "preset": "12"}
    if codec == "hevc":
        options = {"crf": "5", "tune": "zerolatency", "x265-params": "log-level=none"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=25, options=options)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.color_range = 1  # unsaid means full range in stills
        for i in range(2):  # of one alone x265 does not tell the time
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    whole = path.read_bytes()
    at = whole.index(box_kind) - 4
    with av.open(str(path)) as container:
        data = bytes(next(container.demux(video=0)))
    return data, whole[at : at + int.from_bytes(whole[at : at + 4], "big")]


def size_of(width: int, height: int) -> bytes:
    """The property that says how large a picture is."""
    return box(b"ispe", struct.pack(">II", width, height), version=0)


def write_heif(path: Path, items: Sequence[Item], *, index_last: bool = False, idat: bool = False) -> Path:
    """Write items, the first of which is the picture that is shown; numbers begin with 1.

    Args:
        path: of the file.
        items: in order.
        index_last: whether the index follows the data.
        idat: whether a grid's own bytes lie in the index, as telephones put them.
    """
    properties = list(dict.fromkeys(one for item in items for one in item.properties))
    inside = [idat and item.kind == b"grid" for item in items]
    held = b"".join(item.data for item, is_in in zip(items, inside, strict=True) if is_in)
    data = b"".join(item.data for item, is_in in zip(items, inside, strict=True) if not is_in)

    def meta(first: int) -> bytes:
        where, at, at_in = b"", first, 0
        for number, (item, is_in) in enumerate(zip(items, inside, strict=True), 1):
            offset = at_in if is_in else at
            where += struct.pack(">HHHHII", number, is_in, 0, 1, offset, len(item.data))
            at, at_in = (at, at_in + len(item.data)) if is_in else (at + len(item.data), at_in)
        said = [
            box(b"infe", struct.pack(">HH", number, 0), item.kind + b"\0", version=2)
            for number, item in enumerate(items, 1)
        ]
        links = [
            box(
                item.refers[0],
                struct.pack(f">HH{len(item.refers[1])}H", number, len(item.refers[1]), *item.refers[1]),
            )
            for number, item in enumerate(items, 1)
            if item.refers
        ]
        tied = b"".join(
            struct.pack(">HB", number, len(item.properties))
            + bytes(1 + properties.index(one) for one in item.properties)
            for number, item in enumerate(items, 1)
        )
        return box(
            b"meta",
            box(b"hdlr", bytes(4), b"pict", bytes(13), version=0),
            box(b"pitm", struct.pack(">H", 1), version=0),
            box(b"iloc", b"\x44\0", struct.pack(">H", len(items)), where, version=1),
            box(b"iinf", struct.pack(">H", len(items)), *said, version=0),
            box(b"iref", *links, version=0),
            box(
                b"iprp",
                box(b"ipco", *properties),
                box(b"ipma", struct.pack(">I", len(items)), tied, version=0),
            ),
            *([box(b"idat", held)] if held else []),
            version=0,
        )

    kind = box(b"ftyp", b"heic", bytes(4), b"mif1heicavifmiaf")
    if index_last:
        path.write_bytes(kind + box(b"mdat", data) + meta(len(kind) + 8))
    else:
        path.write_bytes(kind + meta(len(kind) + len(meta(0)) + 8) + box(b"mdat", data))
    return path


def grid_items(
    picture: U8,
    tile: tuple[int, int],
    folder: Path,
    codec: str = "av1",
    *,
    turns: Sequence[bytes] = (),
    first: int = 1,
) -> list[Item]:
    """A picture, uint8 (H, W, 3), as a grid of tiles of (width, height), and those; `first` is the grid's number."""
    (width, height), (high, wide) = tile, picture.shape[:2]
    rows, columns = -(-high // height), -(-wide // width)
    padded = np.pad(picture, ((0, rows * height - high), (0, columns * width - wide), (0, 0)), "edge")
    tiles = []
    for row in range(rows):
        for column in range(columns):
            part = padded[row * height : (row + 1) * height, column * width : (column + 1) * width]
            data, decoder = coded(np.ascontiguousarray(part), folder, codec)
            tiles.append(Item(CODECS[codec][1], data, [size_of(width, height), decoder]))
    said = bytes([0, 0, rows - 1, columns - 1]) + struct.pack(">HH", wide, high)
    numbers = range(first + 1, first + 1 + len(tiles))
    return [Item(b"grid", said, [size_of(wide, high), *turns], (b"dimg", numbers)), *tiles]


def turned(kind: bytes, value: int) -> bytes:
    """The property that turns (`irot`, quarters anticlockwise) or mirrors (`imir`: 0 rows, 1 columns) a picture."""
    return box(kind, bytes([value]))
