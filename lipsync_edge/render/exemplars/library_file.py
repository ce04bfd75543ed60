"""A library as bytes, for the avatar's file: arrays of numpy, and the pictures one after another."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np

from lipsync_edge.render.exemplars.library import Exemplar, Library
from lipsync_edge.render.exemplars.look import Look

LOOKS = ("shape", "pose", "cheek", "sharpness", "thumb", "rim", "inside", "visible")
ONES = ("frame", "points", "to_picture", "grey", "paste")


def to_bytes(library: Library) -> bytes:
    """Return a library as bytes; numbers are little-endian."""
    all_of = library.exemplars
    arrays = {name: np.stack([np.asarray(getattr(one, name)) for one in all_of]) for name in ONES}
    arrays |= {
        f"look.{name}": np.stack([np.asarray(getattr(one.look, name), np.float32) for one in all_of])
        for name in LOOKS
    }
    lengths = np.array([len(one.picture) for one in all_of], np.int64)
    pictures = np.frombuffer(b"".join(one.picture for one in all_of), np.uint8)
    file = BytesIO()
    np.savez(file, allow_pickle=False, lengths=lengths, pictures=pictures, **arrays)
    return file.getvalue()


def from_bytes(data: bytes | memoryview) -> Library:
    """Read what `to_bytes` gave.

    Raises:
        ValueError, KeyError, OSError: it is something else, or damaged.
    """
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        arrays = dict(stored)
    ends = np.cumsum(arrays["lengths"])
    if not len(ends) or ends[-1] != len(arrays["pictures"]):
        raise ValueError("its exemplars are damaged")
    pictures = arrays["pictures"].tobytes()
    exemplars = []
    for k, end in enumerate(ends):
        numbers = {name: arrays[f"look.{name}"][k] for name in LOOKS}
        look: dict[str, Any] = {name: float(one) if one.ndim == 0 else one for name, one in numbers.items()}
        rest: dict[str, Any] = {name: arrays[name][k] for name in ONES}
        number = int(rest.pop("frame"))
        exemplars.append(
            Exemplar(
                frame=number, look=Look(**look), picture=pictures[end - arrays["lengths"][k] : end], **rest
            )
        )
    return Library(exemplars)


def all_to_bytes(libraries: dict[int, Library]) -> bytes:
    """Return libraries by the person's number as bytes: how many; number and length of each; what `to_bytes` gives."""
    parts = [to_bytes(library) for library in libraries.values()]
    head = np.array(
        [len(parts), *(n for pair in zip(libraries, map(len, parts), strict=True) for n in pair)], "<i8"
    )
    return head.tobytes() + b"".join(parts)


def all_from_bytes(data: bytes) -> dict[int, Library]:
    """Read what `all_to_bytes` gave.

    Raises:
        ValueError, KeyError, OSError: it is something else, or damaged.
    """
    count = int(np.frombuffer(data, "<i8", 1)[0])
    if not 0 <= count <= len(data) // 16:
        raise ValueError("its exemplars are damaged")
    head = np.frombuffer(data, "<i8", 2 * count, 8).reshape(count, 2)
    found, at = {}, 8 + 16 * count
    for number, length in head.tolist():
        found[number] = from_bytes(data[at : at + length])
        at += length
    return found
