"""Sizes of still pictures, read from their headers: what a file claims is known before anything is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MOST_PIXELS = 4096 * 4096  # of a film
MOST_PIXELS_OF_STILL = 128_000_000
LARGE_PIXELS = 1920 * 1088  # of a film: above it memory counts before speed

_JPEG_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_JPEG_BARE = {0x01, *range(0xD0, 0xD9)}  # markers that no length follows
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_TIFF_TYPES = {1: "B", 3: "H", 4: "I"}  # byte, short, long: what sizes are written as
_WIDTH, _HEIGHT, _BITS, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 258, 277, 322, 323
_MOST_TAGS = 4096


@dataclass(frozen=True, slots=True)
class PictureSize:
    """What a picture's header claims.

    Attributes:
        width: pixels, as stored.
        height: pixels, as stored.
        bytes_a_pixel: of the decoded picture, all its channels; at least 3, since it is read as colour.
    """

    width: int
    height: int
    bytes_a_pixel: int = 3

    @property
    def pixels(self) -> int:
        """Pixels of the picture."""
        return self.width * self.height

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the decoded picture."""
        return self.pixels * self.bytes_a_pixel


def picture_size(data: bytes | memoryview) -> PictureSize | None:
    """Return the size that a PNG, JPEG, BMP, TIFF or WebP claims; None where its header cannot be read.

    Args:
        data: the whole file.
    """
    start = bytes(data[:16])
    try:
        if start.startswith(b"\x89PNG"):
            return _png(data)
        if start.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if start.startswith(b"BM"):
            return _bmp(data)
        if start[:4] in (b"II*\0", b"MM\0*"):
            return _tiff(data)
        if start.startswith(b"RIFF"):
            return _webp(data)
    except (struct.error, IndexError, KeyError):
        return None
    return None


def _png(data: bytes | memoryview) -> PictureSize:
    width, height, depth, kind = struct.unpack_from(">IIBB", data, 16)
    # transparency of its own chunk or palette becomes a fourth channel
    channels = max(4 if kind in (2, 3) else 3, _PNG_CHANNELS[kind])
    return PictureSize(width, height, channels * (2 if depth == 16 else 1))


def _jpeg(data: bytes | memoryview) -> PictureSize | None:
    at = 2
    while True:
        while data[at] != 0xFF:  # decoders pass over what lies between segments
            at += 1
        while data[at] == 0xFF:
            at += 1
        kind = data[at]
        at += 1
        if kind in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return PictureSize(width, height)
        if kind in (0xDA, 0xD9):
            return None
        if kind not in _JPEG_BARE and kind:
            at += struct.unpack_from(">H", data, at)[0]


def _bmp(data: bytes | memoryview) -> PictureSize:
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    return PictureSize(abs(width), abs(height), 4)


def _tiff(data: bytes | memoryview) -> PictureSize | None:
    order = "<" if bytes(data[:2]) == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    if count > _MOST_TAGS:
        return None
    found = {_BITS: 1, _SAMPLES: 1, _TILE_WIDTH: 0, _TILE_HEIGHT: 0}
    for place in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(f"{order}HHI", data, place)
        if tag not in (_WIDTH, _HEIGHT, *found) or kind not in _TIFF_TYPES:
            continue
        form = f"{order}{_TIFF_TYPES[kind]}"
        inside = values * struct.calcsize(form) <= 4
        where = place + 8 if inside else struct.unpack_from(f"{order}I", data, place + 8)[0]
        (found[tag],) = struct.unpack_from(form, data, where)
    # a decoder takes room for a whole tile, however small the picture is
    width, height = max(found[_WIDTH], found[_TILE_WIDTH]), max(found[_HEIGHT], found[_TILE_HEIGHT])
    return PictureSize(width, height, max(3, found[_SAMPLES]) * max(1, -(-found[_BITS] // 8)))


def _webp(data: bytes | memoryview) -> PictureSize | None:
    kind = bytes(data[12:16])
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return PictureSize(width, height, 4)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return PictureSize(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 4)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return PictureSize(width & 0x3FFF, height & 0x3FFF)
    return None
