"""XMP packets in files: put into MP4, MOV, PNG, JPEG and SVG, and found there again, without touching a picture."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

BMFF_XMP = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
PNG_START, JPEG_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
PNG_XMP = b"XML:com.adobe.xmp\0\0\0\0\0"  # keyword, not compressed, no language, no translated keyword
JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
BMFF = (".mp4", ".mov", ".m4v", ".m4s")
KINDS = (*BMFF, ".png", ".jpg", ".jpeg", ".svg")
MOST = 4 << 20  # bytes of a packet that is read
_SVG_METADATA = rb"<metadata\b[^>]*(?<!/)>"
_LEAST_BOX, _LONG_BOX = 8, 16


class Part(NamedTuple):
    """A box or chunk of a file: its name, where it begins, where its content does, and where it ends."""

    name: bytes
    begins: int
    content: int
    ends: int


def put(path: Path, packet: bytes) -> bool:
    """Put a packet into a finished file, in place; False for a kind of file that takes none.

    Raises:
        OSError: it cannot be written; ValueError: it is not what its name says.
    """
    kind = path.suffix.lower()
    if kind in BMFF:
        _put_bmff(path, packet)
    elif kind == ".png":
        path.write_bytes(in_png(path.read_bytes(), packet))
    elif kind in (".jpg", ".jpeg"):
        body = JPEG_XMP + packet
        _put_between(path, JPEG_START[:2], _after_app0, b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    elif kind == ".svg":
        inner = packet[packet.index(b"<x:xmpmeta") : packet.index(b"</x:xmpmeta>") + 12]
        has_some = re.search(_SVG_METADATA, path.read_bytes()) is not None
        piece = inner if has_some else b"<metadata>" + inner + b"</metadata>"
        _put_between(path, b"<", _in_svg, piece)
    else:
        return False
    return True


def found(path: Path) -> bytes:
    """Return the first packet of a file, or nothing; what is no MP4, MOV, PNG, JPEG or SVG has none here."""
    with path.open("rb") as file:
        start = file.read(16)
        if start.startswith(PNG_START):
            return _first(file, _png_parts(file), b"iTXt", PNG_XMP[:18], len(PNG_XMP))
        if start.startswith(JPEG_START):
            return _first(file, _jpeg_parts(file), b"\xe1", JPEG_XMP, len(JPEG_XMP))
        if start[4:8] in (b"ftyp", b"wide", b"moov", b"mdat", b"styp"):
            return _first(file, _boxes(file), b"uuid", BMFF_XMP, len(BMFF_XMP))
        if path.suffix.lower() == ".svg":
            file.seek(0)
            match = re.search(rb"<x:xmpmeta.*?</x:xmpmeta>", file.read(MOST), re.DOTALL)
            return b"" if match is None else match[0]
    return b""


def in_png(data: bytes, packet: bytes) -> bytes:
    """Return a PNG with a packet behind its header; ValueError for what is none."""
    head = len(PNG_START) + 25
    if not data.startswith(PNG_START) or len(data) < head:
        raise ValueError("this is no PNG")
    return data[:head] + png_chunk(b"iTXt", PNG_XMP + packet) + data[head:]


def png_chunk(name: bytes, body: bytes) -> bytes:
    """Return one chunk of a PNG, its length and checksum around it."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _put_bmff(path: Path, packet: bytes) -> None:
    """Append a uuid box; before the index of fragments, which must come last."""
    box = struct.pack(">I", 24 + len(packet)) + b"uuid" + BMFF_XMP + packet
    with path.open("r+b") as file:
        parts = list(_boxes(file))
        if not parts:
            raise ValueError(f"{path.name} has no boxes")
        tail = b""
        if parts[-1].name == b"mfra":
            file.seek(parts[-1].begins)
            tail = file.read()
            file.seek(parts[-1].begins)
        else:
            file.seek(0, 2)
        file.write(box + tail)


def _put_between(path: Path, start: bytes, place: Callable[[bytes], int], piece: bytes) -> None:
    data = path.read_bytes()
    if not data.startswith(start):
        raise ValueError(f"{path.name} is not what its name says")
    at = place(data)
    path.write_bytes(data[:at] + piece + data[at:])


def _after_app0(data: bytes) -> int:
    return 4 + struct.unpack(">H", data[4:6])[0] if data[2:4] == b"\xff\xe0" else 2


def _in_svg(data: bytes) -> int:
    """Inside of its description: one more beside it would be a second one for other readers."""
    match = re.search(_SVG_METADATA, data) or re.search(rb"<svg\b[^>]*>", data)
    if match is None:
        raise ValueError("no <svg> in it")
    return match.end()


def _first(file: BinaryIO, parts: Iterator[Part], name: bytes, mark: bytes, skipped: int) -> bytes:
    for part in parts:
        if part.name == name and part.ends - part.content <= MOST:
            file.seek(part.content)
            content = file.read(part.ends - part.content)
            if content.startswith(mark):
                return content[skipped:]
    return b""


def _boxes(file: BinaryIO) -> Iterator[Part]:
    """Top-level boxes of an ISO base media file; those that say more than there is end it."""
    end, at = file.seek(0, 2), 0
    while at + _LEAST_BOX <= end:
        file.seek(at)
        head = file.read(_LONG_BOX)
        size, name, content = int.from_bytes(head[:4], "big"), head[4:8], at + _LEAST_BOX
        if size == 1 and len(head) == _LONG_BOX:
            size, content = int.from_bytes(head[8:], "big"), at + _LONG_BOX
        size = end - at if size == 0 else size
        if size < content - at or at + size > end:
            return
        yield Part(name, at, content, at + size)
        at += size


def _png_parts(file: BinaryIO) -> Iterator[Part]:
    end, at = file.seek(0, 2), len(PNG_START)
    while at + 12 <= end:
        file.seek(at)
        head = file.read(8)
        size = int.from_bytes(head[:4], "big")
        yield Part(head[4:], at, at + 8, min(at + 8 + size, end))
        at += 12 + size


def _jpeg_parts(file: BinaryIO) -> Iterator[Part]:
    """Segments before the picture's own data."""
    end, at = file.seek(0, 2), 2
    while at + 4 <= end:
        file.seek(at)
        head = file.read(4)
        size = int.from_bytes(head[2:], "big")
        if head[0] != 0xFF or head[1] in (0xDA, 0xD9) or size < 2:
            return
        yield Part(head[1:2], at, at + 4, min(at + 2 + size, end))
        at += 2 + size
