"""Digests of files by their content, each file read once as long as it does not change."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

_PIECE = 1 << 20  # bytes read at a time


class FileDigests:
    """Remembers the digests of files, by place, size and time of change; not shared between threads."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], str] = {}

    def __call__(self, path: Path) -> str:
        """Return the sha256 of a file's content, in hexadecimal; OSError when it cannot be read."""
        state = path.stat()
        key = (str(path), state.st_size, state.st_mtime_ns)
        if key not in self._known:
            self._known[key] = file_digest(path)
        return self._known[key]


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal; OSError when it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def digest_of(value: Any) -> str:
    """Return the sha256, in hexadecimal, of what JSON can hold; the order of keys does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
