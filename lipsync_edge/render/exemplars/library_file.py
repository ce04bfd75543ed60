"""A library as bytes, for the avatar's file: arrays of numpy, and the pictures one after another."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.npz_reader import read_arrays
from lipsync_edge.render.exemplars.library import Exemplar, Library
from lipsync_edge.render.exemplars.look import Look

LOOKS = ("shape", "pose", "cheek", "sharpness", "thumb", "rim", "inside", "visible")
ONES = ("frame", "points", "to_picture", "grey", "paste")
# array → kinds of numpy's dtypes and shape of one exemplar's row; None: any length
_SHAPES: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "lengths": ("i", ()),
    "frame": ("iu", ()),
    "points": ("f", (None, 2)),
    "to_picture": ("f", (2, 3)),
    "grey": ("u", (None, None)),
    "paste": ("u", (None, None)),
    "look.shape": ("f", (3,)),
    "look.pose": ("f", (3,)),
    "look.cheek": ("f", (3,)),
    "look.sharpness": ("f", ()),
    "look.thumb": ("f", (None,)),
    "look.rim": ("f", (None,)),
    "look.inside": ("f", ()),
    "look.visible": ("f", ()),
}


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
        ValueError, KeyError: it is something else, or damaged.
    """
    arrays = read_arrays(data)
    _check_shapes(arrays)
    ends = np.cumsum(arrays["lengths"])
    if not len(ends) or ends[-1] != len(arrays["pictures"]) or (arrays["lengths"] <= 0).any():
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


def _check_shapes(arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Raise ValueError unless there is a row of each array for each exemplar, of numbers that can be used."""
    count = len(arrays["lengths"])
    for name, (kind, shape) in _SHAPES.items():
        array = arrays[name]
        fits = len(array.shape) == 1 + len(shape) and all(
            want in (None, got) for got, want in zip(array.shape[1:], shape, strict=True)
        )
        if len(array) != count or array.dtype.kind not in kind or not fits:
            raise ValueError(f"exemplars with {name} of {array.dtype} {array.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"exemplars whose {name} is no number")
    if arrays["pictures"].dtype != np.uint8 or arrays["pictures"].ndim != 1:
        raise ValueError("exemplars without pictures")


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
        ValueError, KeyError: it is something else, or damaged.
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
