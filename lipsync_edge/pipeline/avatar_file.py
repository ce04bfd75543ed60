"""An avatar in one file that opens at once.

Magic and length of the header; the header (JSON: rate, size, counts, colour tags, what it was made with); the table of
faces (float32, 14 a frame); where each picture begins (int64, one more than frames); the pictures. Numbers are
little-endian.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np

from lipsync_edge.errors import InputError, OutputError
from lipsync_edge.pipeline.avatar import NUMBERS, Avatar, AvatarOrigin
from lipsync_edge.video.color import STILL_COLOR, ColorTags

_MAGIC = b"LSEAVTR1"
_HEADER = struct.Struct("<8sQ")
_PIECE = 1 << 20  # bytes copied at a time


def save_avatar(avatar: Avatar, path: Path) -> None:
    """Write an avatar beside `path` and rename it, so that no half file is left.

    Raises:
        OutputError: it cannot be written there.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            _write(avatar, file)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(expected=f"to write {path}", got=error.strerror or str(error)) from error


def _write(avatar: Avatar, file: IO[bytes]) -> None:
    first, last = int(avatar.offsets[0]), int(avatar.offsets[-1])
    header = {
        "fps": [avatar.fps.numerator, avatar.fps.denominator],
        "size": list(avatar.size),
        "frames": len(avatar),
        "bytes": last - first,
        "origin": asdict(avatar.origin),
        "color": asdict(avatar.color),
    }
    text = json.dumps(header).encode()
    file.write(_HEADER.pack(_MAGIC, len(text)) + text)
    file.write(avatar.faces.astype("<f4").tobytes())
    file.write((avatar.offsets - first).astype("<i8").tobytes())
    for low in range(first, last, _PIECE):
        file.write(avatar.data[low : min(last, low + _PIECE)])


def load_avatar(path: str | Path) -> Avatar:
    """Open an avatar's file; its pictures stay in the file until they are shown.

    Raises:
        InputError: not there, not an avatar, or cut short.
    """
    try:
        with Path(path).open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _parse(data)
    except OSError as error:
        raise InputError(expected=f"an avatar file at {path}", got=error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, IndexError, struct.error, ZeroDivisionError) as error:
        raise InputError(
            expected=f"an avatar file at {path}",
            got=f"{type(error).__name__}: {error}",
            fix="prepare the face again",
        ) from error


def _parse(data: mmap.mmap) -> Avatar:
    magic, length = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError("it does not begin like one")
    start = _HEADER.size + length
    header = json.loads(data[_HEADER.size : start])
    count = int(header["frames"])
    table = start + count * NUMBERS * 4
    pictures = table + (count + 1) * 8
    if count < 1 or len(data) != pictures + int(header["bytes"]):
        raise ValueError("it is cut short")
    offsets = np.frombuffer(data, "<i8", count + 1, table).astype(np.int64) + pictures
    if offsets[0] != pictures or offsets[-1] != len(data) or (np.diff(offsets) <= 0).any():
        raise ValueError("its table of pictures is damaged")
    return Avatar(
        fps=Fraction(*header["fps"]),
        size=(int(header["size"][0]), int(header["size"][1])),
        origin=AvatarOrigin(**header["origin"]),
        faces=np.frombuffer(data, "<f4", count * NUMBERS, start).reshape(count, NUMBERS).astype(np.float32),
        offsets=offsets,
        data=data,
        color=ColorTags(**header.get("color", asdict(STILL_COLOR))),
    )
