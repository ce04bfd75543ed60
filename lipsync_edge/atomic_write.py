"""Atomic replacement of a file: written beside its name, renamed when it is whole, removed when that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name beside `path`, hidden and with its extension, to write to.

    When the block ends the file takes the place of `path`. When the block raises, whatever it raises, the file is
    removed and `path` is as it was. Readers see the old file or the new one, never a part. What is there and is no
    regular file (a device, a pipe) is written to as it is.

    Raises:
        OSError: the file cannot be renamed, or the block did not write it.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    beside = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
