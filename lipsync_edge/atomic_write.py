"""Atomic replacement of a file: written beside its name, renamed when it is whole, removed when that fails."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsync_edge.errors import OutputError, UsageError, told_by_system

# characters that are kept of a name, so that names of any length have one beside them
_STEM, _SUFFIX = (20, 12)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name beside `path`, hidden and with its extension, to write to.

    When the block ends the file takes the place of `path`, or of what `path` links to. When the block raises, whatever
    it raises, the file is removed and `path` is as it was. Readers see the old file or the new one, never a part. What
    is there and is no regular file (a device, a pipe) is written to as it is.

    Raises:
        OSError: the file cannot be renamed, or the block did not write it.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    partial = beside(path)
    try:
        yield partial
        partial.replace(path.resolve())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def beside(path: Path) -> Path:
    """Return a hidden name in the folder of `path` (or of what it links to), short, of this process and this path."""
    place = path.resolve()
    digest = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:8]
    suffix = place.suffix if len(place.suffix) <= _SUFFIX else ""
    return place.with_name(f".{place.stem[:_STEM]}.{digest}.{os.getpid()}.partial{suffix}")


def check_spares(path: Path, inputs: Iterable[Path | None]) -> None:
    """Refuse a name for what is written that is one of the files that are read, by whatever path or link.

    Args:
        path: what would be written.
        inputs: what is read, or written beside it; None is passed over.

    Raises:
        UsageError: it is one of them.
    """
    for one in inputs:
        try:
            is_same = one is not None and (one.resolve() == path.resolve() or one.samefile(path))
        except (OSError, RuntimeError):  # one of them is not there, or links lead in a circle
            continue
        if is_same:
            raise UsageError(
                expected="an output that is none of the inputs", got=str(path), fix="choose another name"
            )


def check_place(path: Path) -> None:
    """Refuse a name at which no file could be written, before there is anything to write.

    Raises:
        OutputError: a folder, in a folder that is not there or not to be written to, or too long.
    """
    try:
        if path.is_dir():
            raise OutputError(expected="a file name for the output", got=f"the folder {path}")
        if path.exists() and not path.is_file():  # a device, a pipe
            return
        folder = path.resolve().parent
        if not folder.is_dir():
            raise OutputError(expected=f"the folder {folder}", got="nothing there", fix="make it first")
    except OSError as error:  # a name or a path that is too long, links in a circle
        raise OutputError(expected="a file name for the output", got=told_by_system(error).got) from error
    if not os.access(folder, os.W_OK):
        raise OutputError(expected=f"a folder that can be written to at {folder}", got="no permission")
