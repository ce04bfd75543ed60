"""An avatar in one file that opens at once.

Magic and length of the header; the header (JSON: rate, size, counts, tags, what it was made with, checksums of the
pictures); the table of faces (float32, 14 a frame); where each picture begins (int64, one more than frames); the
pictures; the exemplars, where it has some. Numbers are little-endian.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.atomic_write import replacing
from lipsync_edge.errors import InputError, OutputError
from lipsync_edge.json_reader import parse_json
from lipsync_edge.pipeline.file_bytes import FileBytes
from lipsync_edge.types import F32

NUMBERS = 14  # box and five landmarks, NaN where there is none
_MAGIC = b"LSEAVTR1"
_HEADER = struct.Struct("<8sQ")
_PIECE = 1 << 20  # bytes copied at a time
_FARTHEST = 1 << 16  # pixels of a side, and of where a face may be


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What an avatar's file holds.

    Attributes:
        header: fps (numerator, denominator), size (width, height), origin, color, checksums (CRC-32 of each picture).
        faces: float32 (n, 14).
        offsets: int64 (n + 1), where each picture begins in `pictures`, or in the file when it was read.
        pictures: JPEGs, one after another.
        exemplars: the person's exemplars as bytes; empty without any.
    """

    header: dict[str, Any]
    faces: F32
    offsets: npt.NDArray[np.int64]
    pictures: memoryview | FileBytes
    exemplars: bytes = b""


def write_avatar(path: Path, stored: Stored) -> None:
    """Write an avatar beside `path` and rename it, so that no half file is left.

    Raises:
        OutputError: it cannot be written there.
    """
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            _write(stored, file)
    except OSError as error:
        raise OutputError(expected=f"to write {path}", got=error.strerror or str(error)) from error


def _write(stored: Stored, file: IO[bytes]) -> None:
    counts = {
        "frames": len(stored.faces),
        "bytes": len(stored.pictures),
        "exemplar_bytes": len(stored.exemplars),
    }
    text = json.dumps(stored.header | counts).encode()
    file.write(_HEADER.pack(_MAGIC, len(text)) + text)
    file.write(stored.faces.astype("<f4").tobytes())
    file.write(stored.offsets.astype("<i8").tobytes())
    for low in range(0, len(stored.pictures), _PIECE):
        file.write(stored.pictures[low : low + _PIECE])
    file.write(stored.exemplars)


@contextmanager
def damaged_file(path: Path) -> Iterator[None]:
    """Turn whatever a file that is no avatar makes fail into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(expected=f"an avatar file at {path}", got=error.strerror or str(error)) from error
    except (
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        struct.error,
        ArithmeticError,
    ) as error:
        raise InputError(
            expected=f"an avatar file at {path}",
            got=f"{type(error).__name__}: {error}",
            fix="prepare the face again",
        ) from error


def read_avatar(path: Path) -> tuple[Stored, FileBytes]:
    """Open an avatar's file; to be called inside `damaged_file`.

    Returns:
        What it holds, and the file, in which the pictures begin at `offsets`.
    """
    data = FileBytes.of(path)
    magic, length = _HEADER.unpack(data[: _HEADER.size])
    if magic != _MAGIC:
        raise ValueError("it does not begin like one")
    start = _HEADER.size + length
    header = parse_json(data[_HEADER.size : start])
    count = int(header["frames"])
    _check_header(header)
    table = start + count * NUMBERS * 4
    pictures = table + (count + 1) * 8
    end = pictures + int(header["bytes"])
    if count < 1 or len(data) != end + int(header.get("exemplar_bytes", 0)):
        raise ValueError("it is cut short")
    offsets = np.frombuffer(data[table:pictures], "<i8").astype(np.int64) + pictures
    if offsets[0] != pictures or offsets[-1] != end or (np.diff(offsets) <= 0).any():
        raise ValueError("its table of pictures is damaged")
    faces = np.frombuffer(data[start:table], "<f4").reshape(count, NUMBERS).astype(np.float32)
    known = faces[~np.isnan(faces)]
    if not (np.abs(known) <= _FARTHEST).all():
        raise ValueError("its table of faces is damaged")
    return Stored(header, faces, offsets, data.cut(pictures, end), data[end:]), data


def _check_header(header: Any) -> None:
    """Raise ValueError, KeyError or TypeError for what no avatar has: a later step would fail at it, or take memory."""
    rate, size = Fraction(*header["fps"]), [int(side) for side in header["size"]]
    if not 1 <= rate <= 1000 or rate.denominator > 1 << 32:
        raise ValueError(f"frames at {str(rate)[:40]} a second")
    if len(size) != 2 or not all(1 <= side <= _FARTHEST for side in size):
        raise ValueError(f"pictures of {str(size)[:40]}")
    if not all(isinstance(value, str) for value in header["origin"].values()):
        raise TypeError("an origin that is no text")
    if not all(type(value) is int and 0 <= value < 256 for value in header.get("color", {}).values()):
        raise TypeError("colours that are no numbers")
    checksums = header.get("checksums")
    if checksums is not None and (
        len(checksums) != int(header["frames"]) or not all(type(one) is int for one in checksums)
    ):
        raise ValueError("its checksums are damaged")
