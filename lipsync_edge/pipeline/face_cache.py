"""Disk cache of what was found in face files: tracks and what was seen of own mouths, by the files' content.

A file's name is the digest of everything that decides what is in it: the content of the face file, the options of the
tracker, the networks' files and the version of the package. So nothing in it is ever wrong, only too old to be asked
for; what was not asked for longest goes when the cache is full. A cache that cannot be written is none, and no error.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lipsync_edge.atomic_write import replacing
from lipsync_edge.digests import FileDigests
from lipsync_edge.disk_budget import over_budget
from lipsync_edge.errors import OutputError, told_by_system
from lipsync_edge.file_lock import locked

MOST_BYTES = 4 << 30  # about a hundred faces with own mouths
_SUFFIXES = (".track", ".film")
NOTHING = b""  # kept, too: that there is nothing to find costs as much to find out


class FaceCache:
    """What was found in face files, kept in a folder that several processes may share.

    Args:
        folder: made where it is not there.
        most_bytes: what it may take of the disk; the least recently used goes first.

    Raises:
        OutputError: the folder cannot be made or written to.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                expected=f"a folder for the cache at {folder}", got=told_by_system(error).got
            ) from error
        if not os.access(folder, os.W_OK):
            raise OutputError(expected=f"a folder that can be written to at {folder}", got="no permission")
        self.folder = folder
        self.digest_file = FileDigests()
        self._most_bytes = most_bytes

    def read(self, name: str) -> bytes | None:
        """Return what is kept under a name; None where there is nothing."""
        path = self.folder / name
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data

    def write(self, name: str, data: bytes) -> None:
        """Keep something under a name that ends in ".track" or ".film", as long as there is room."""
        with suppress(OSError), replacing(self.folder / name) as beside:
            beside.write_bytes(data)
        self._trim()

    def made_once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return what is kept under a name, or make and keep it; others who want it wait for it meanwhile."""
        known = self.read(name)
        if known is not None:
            return known
        with locked(self.folder / f"{name}.lock"):
            known = self.read(name)
            if known is None:
                known = make()
                self.write(name, known)
        return known

    def _trim(self) -> None:
        kept = (
            path
            for path in self.folder.iterdir()
            if path.suffix in _SUFFIXES and not path.name.startswith(".")
        )
        for path in over_budget(kept, self._most_bytes):
            with suppress(OSError):
                path.unlink()
                path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
