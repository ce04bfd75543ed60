"""What has to go of a folder's files so that the rest fits."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def over_budget(paths: Iterable[Path], most_bytes: int) -> list[Path]:
    """Return the files that go, the least recently changed first, until the others take at most so many bytes.

    Files that vanish meanwhile take nothing.
    """
    kept = []
    for path in paths:
        with suppress(OSError):
            state = path.stat()
            kept.append((state.st_mtime, state.st_size, path))
    total, gone = sum(size for _, size, _ in kept), []
    for _, size, path in sorted(kept):
        if total <= most_bytes:
            break
        gone.append(path)
        total -= size
    return gone
