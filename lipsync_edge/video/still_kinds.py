"""Kinds of still pictures by their first bytes, and films that begin like one: animated PNG and WebP, bare MJPEG."""

from __future__ import annotations

from pathlib import Path

from lipsync_edge.errors import InputError
from lipsync_edge.video.heif import read_heif

_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\x00", b"MM\x00*")
_ANIMATED = 0x02  # of the flags in a WebP's VP8X
_LOOKED_AT = 1 << 16  # bytes in which a PNG says that it moves
_LONGEST = 1 << 26  # bytes of a JPEG that another may follow
_PNG_HEAD, _PICTURE_DATA = 8, b"IDAT"


def is_image(path: str | Path) -> bool:
    """Whether a file is a still picture (JPEG, PNG, BMP, TIFF, WebP, HEIC, AVIF), whatever its name says.

    Raises:
        InputError: an animated WebP, or a HEIF of parts, which nothing here can play or put together.
    """
    with Path(path).open("rb") as file:
        start = file.read(_LOOKED_AT)
        if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
            if start[12:16] == b"VP8X" and len(start) > 20 and start[20] & _ANIMATED:
                raise InputError(
                    expected=f"a video or one picture in {Path(path).name}",
                    got="an animated WebP, which cannot be read here",
                    fix="convert it to MP4 or GIF",
                )
            return True
        if start[4:8] == b"ftyp":
            return read_heif(Path(path)) is not None
        if not start.startswith(_STARTS):
            return False
        if start.startswith(b"\x89PNG"):
            return not _moving_png(start)
        return not (start.startswith(b"\xff\xd8\xff") and _bare_mjpeg(start + file.read(_LONGEST)))


def _moving_png(start: bytes) -> bool:
    """Whether a PNG says, before its first picture, that it has several."""
    at = _PNG_HEAD
    while at + 12 <= len(start):
        length, kind = int.from_bytes(start[at : at + 4], "big"), start[at + 4 : at + 8]
        if kind == b"acTL":
            return int.from_bytes(start[at + 8 : at + 12], "big") > 1
        if kind == _PICTURE_DATA:
            return False
        at += 12 + length
    return False


def _bare_mjpeg(data: bytes) -> bool:
    """Whether JPEG follows on JPEG, as cameras send them; photos with a second picture name it in a segment (MPF)."""
    end = _end_of_jpeg(data)
    return end is not None and data[end : end + 3] == b"\xff\xd8\xff"


def _end_of_jpeg(data: bytes) -> int | None:
    """Where the first picture of a file ends; None where it names others that belong to it, or does not end."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == 0xE2 and data[at + 4 : at + 8] == b"MPF\0":
            return None
        if kind == 0xDA:
            found = data.find(b"\xff\xd9", at)
            return found + 2 if found >= 0 else None
        at += 2 + length
    return None
