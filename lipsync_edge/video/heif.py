"""Index of a HEIF still (HEIC, AVIF): of which coded parts the picture that is shown consists (ISO/IEC 23008-12).

Telephones cut their photos into tiles of 512 x 512, each of which is a picture of its own, and keep transparency in a
picture beside. What decodes them knows nothing of that; it is read here, from the `meta` box.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from lipsync_edge.errors import InputError

CODED = (b"hvc1", b"av01", b"avc1")
_BRANDS = {b"mif1", b"mif2", b"miaf", b"heic", b"heix", b"heim", b"heis", b"avif", b"1pic"}
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0")
_TURNS = (b"irot", b"imir", b"clap")
_LONGEST_INDEX, _LONGEST_GRID, _MOST_BRANDS = 4 << 20, 16, 4096  # bytes


@dataclass(frozen=True, slots=True)
class HeifPicture:
    """A picture and the coded ones that it consists of.

    Attributes:
        tiles: numbers of the coded pictures, by rows.
        columns: how many of them lie side by side.
        width: pixels, before it is turned; what tiles have beyond that is dropped.
        height: pixels, before it is turned.
        turns: what makes it upright, in this order: (kind, body) of `irot`, `imir` or `clap`.
        matrix: AVColorSpace that the file says for the whole, or None.
        full_range: what the file says of it beside the matrix.
        alpha: its transparency, or None.
        premultiplied: whether its colours are stored multiplied by that.
    """

    tiles: tuple[int, ...]
    columns: int
    width: int
    height: int
    turns: tuple[tuple[bytes, bytes], ...] = ()
    matrix: int | None = None
    full_range: bool = False
    alpha: HeifPicture | None = None
    premultiplied: bool = False


def read_heif(path: Path) -> HeifPicture | None:
    """Read what the picture of a HEIF still consists of; None for every other file, and for an index that is damaged.

    Raises:
        InputError: it consists of what cannot be put together here.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] != b"ftyp":
            return None
        size = int.from_bytes(head[:4], "big")
        brands = head[8:12] + b"\0\0\0\0" + file.read(min(max(0, size - 16), _MOST_BRANDS))[4:]
        if not _BRANDS & {brands[at : at + 4] for at in range(0, len(brands), 4)}:
            return None
        try:
            index = _index(file)
            return None if index is None else _Index(index, file).shown(path.name)
        except (struct.error, IndexError, KeyError, ValueError):
            return None


def _index(file: IO[bytes]) -> bytes | None:
    """Return the body of the `meta` box; None where there is none, or moving pictures are beside it."""
    at, found, end = 0, None, file.seek(0, 2)
    while True:
        if at > end:
            return found
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return found
        size, kind, start = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, start = int.from_bytes(head[8:16], "big"), 16
        if kind == b"moov":
            return None
        if kind == b"meta" and found is None:
            file.seek(at + start)
            found = file.read(min(max(0, size - start) if size else _LONGEST_INDEX, _LONGEST_INDEX))
        if size < start:  # to the end of the file, or damaged
            return found
        at += size


def _boxes(data: bytes, at: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Give (kind, body) of boxes that follow each other."""
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:
            raise ValueError("a box that is smaller than its head")
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


class _Numbers:
    """Big-endian numbers, one after another."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __call__(self, size: int) -> int:
        """Take a number of so many bytes."""
        self._at += size
        if self._at > len(self._data):
            raise ValueError("cut short")
        return int.from_bytes(self._data[self._at - size : self._at], "big")

    def rest(self) -> bytes:
        return self._data[self._at :]


class _Index:
    """The boxes of a `meta` box, taken apart."""

    def __init__(self, meta: bytes, file: IO[bytes]) -> None:
        self._file = file
        boxes = dict(_boxes(meta, 4))
        self.primary = int.from_bytes(boxes[b"pitm"][4 : 8 if boxes[b"pitm"][0] else 6], "big")
        self.kinds = dict(_kinds(boxes[b"iinf"]))
        self.references = list(_references(boxes.get(b"iref", bytes(4))))
        parts = list(_boxes(boxes[b"iprp"]))
        properties = [one for kind, body in parts if kind == b"ipco" for one in _boxes(body)]
        self.properties: dict[int, list[tuple[bytes, bytes]]] = {}
        for number, which in (one for kind, body in parts if kind == b"ipma" for one in _associations(body)):
            found = [properties[i - 1] for i in which if i]
            self.properties.setdefault(number, []).extend(found)
        self._places = boxes[b"iloc"]
        self._data = boxes.get(b"idat", b"")

    def shown(self, name: str) -> HeifPicture:
        """Return the picture that players show."""
        shown = self._picture(self.primary, name)
        for kind, alpha, (of, *_) in self.references:
            names = {body[4:] for box, body in self.properties.get(alpha, ()) if box == b"auxC"}
            if kind == b"auxl" and of == self.primary and any(one.startswith(_ALPHA) for one in names):
                premultiplied = (b"prem", self.primary, [alpha]) in self.references
                return replace(shown, alpha=self._picture(alpha, name), premultiplied=premultiplied)
        return shown

    def _picture(self, number: int, name: str) -> HeifPicture:
        kind, own = self.kinds[number], self.properties.get(number, [])
        if kind == b"grid":
            tiles = [to for what, one, to in self.references if (what, one) == (b"dimg", number)][0]
            rows, columns, width, height = _grid(self._bytes(number))
            if len(tiles) != rows * columns or any(self.kinds[tile] not in CODED for tile in tiles):
                raise ValueError("a grid with holes")
        elif kind in CODED:
            tiles, columns = [number], 1
            width, height = struct.unpack_from(">II", dict(own)[b"ispe"], 4)
        else:
            raise InputError(
                expected=f"a picture in one piece, or in equal tiles, in {name}",
                got=f"one of the kind {kind.decode('latin-1')!r}, which cannot be put together here",
                fix="export it as JPEG or PNG",
            )
        picture = HeifPicture(tuple(tiles), columns, width, height, tuple(o for o in own if o[0] in _TURNS))
        for body in (body for kind, body in own if kind == b"colr" and body[:4] == b"nclx"):
            return replace(
                picture, matrix=int.from_bytes(body[8:10], "big"), full_range=bool(body[10] & 0x80)
            )
        return picture

    def _bytes(self, number: int) -> bytes:
        """Return the data of an item, of which no more is read than a grid has."""
        for item, inside, offset, length in _places(self._places):
            if item == number:
                if inside:
                    return self._data[offset : offset + min(length, _LONGEST_GRID)]
                if offset > self._file.seek(0, 2):
                    raise ValueError("beyond the end")
                self._file.seek(offset)
                return self._file.read(min(length, _LONGEST_GRID))
        raise KeyError(number)


def _kinds(iinf: bytes) -> Iterator[tuple[int, bytes]]:
    """Give number and kind of each item."""
    for box, body in _boxes(iinf, 8 if iinf[0] else 6):
        wide = body[0] >= 3
        if box == b"infe" and body[0] >= 2:
            yield int.from_bytes(body[4 : 8 if wide else 6], "big"), body[10:14] if wide else body[8:12]


def _references(iref: bytes) -> Iterator[tuple[bytes, int, list[int]]]:
    """Give what each reference is for, whose it is, and to which items it leads."""
    size = 4 if iref[0] else 2
    for kind, body in _boxes(iref, 4):
        take = _Numbers(body)
        yield kind, take(size), [take(size) for _ in range(take(2))]


def _associations(ipma: bytes) -> Iterator[tuple[int, list[int]]]:
    """Give each item and the numbers of its properties, from 1."""
    take = _Numbers(ipma[4:])
    size, wide = 4 if ipma[0] else 2, bool(ipma[3] & 1)
    for _ in range(take(4)):
        number = take(size)
        yield number, [take(2) & 0x7FFF if wide else take(1) & 0x7F for _ in range(take(1))]


def _places(iloc: bytes) -> Iterator[tuple[int, bool, int, int]]:
    """Give each item, whether it lies in `idat`, and offset and length of its first extent."""
    version, take = iloc[0], _Numbers(iloc[4:])
    sizes, more = take(1), take(1)
    for _ in range(take(2 if version < 2 else 4)):
        number = take(2 if version < 2 else 4)
        inside = version > 0 and take(2) & 15 == 1
        take(2)
        base = take(more >> 4)
        extents = []
        for _ in range(take(2)):
            if version > 0:
                take(more & 15)
            extents.append((take(sizes >> 4), take(sizes & 15)))
        yield number, inside, base + extents[0][0], extents[0][1]


def _grid(data: bytes) -> tuple[int, int, int, int]:
    """Return rows, columns, width and height."""
    take = _Numbers(data)
    take(1)
    size = 4 if take(1) & 1 else 2
    return take(1) + 1, take(1) + 1, take(size), take(size)
