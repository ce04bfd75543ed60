"""Where a batch's inputs come from and its results go: here, files of this machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from lipsync_edge.digests import FileDigests, file_digest
from lipsync_edge.errors import InputError, OutputError, told_by_system

WORK_FOLDER = ".lipsync-batch"  # in the output folder: what is being made, and the cache of faces


class Storage(Protocol):
    """What workers and the driver need; an object that other processes can be sent."""

    def fetch(self, name: str, into: Path) -> Path:
        """Return an input as a file of this machine, put into a folder where it is none; InputError."""
        ...

    def content(self, name: str) -> str:
        """Return a digest of an input's content; InputError when it cannot be had."""
        ...

    def publish(self, made: Path, out: str) -> str:
        """Put a result in its place, whole; return what `stored` says of it then.

        Raises:
            OutputError: that cannot be done.
        """
        ...

    def stored(self, out: str) -> str | None:
        """Return what changes with the file that is in a result's place; None where there is none."""
        ...

    def fetch_stored(self, out: str, into: Path) -> Path:
        """Return what was published as a file of this machine, put into a folder where it is none; InputError."""
        ...

    def remove(self, out: str) -> None:
        """Remove what was published; nothing happens where it cannot be."""
        ...


class LocalStorage:
    """Inputs are paths, results lie in a folder of the same disk as what is being made.

    Args:
        folder: the output folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._digests = FileDigests()

    def fetch(self, name: str, into: Path) -> Path:
        """Return the path itself."""
        return Path(name)

    def content(self, name: str) -> str:
        """Return the sha256 of a file."""
        try:
            return self._digests(Path(name))
        except OSError as error:
            raise InputError(expected=f"a file at {name}", got=error.strerror or str(error)) from error

    def publish(self, made: Path, out: str) -> str:
        """Rename a result to its place; return its sha256."""
        place = self.folder / out
        try:
            digest = file_digest(made)
            place.parent.mkdir(parents=True, exist_ok=True)
            made.replace(place)
        except OSError as error:
            raise OutputError(expected=f"a file at {place}", got=told_by_system(error).got) from error
        return digest

    def fetch_stored(self, out: str, into: Path) -> Path:
        """Return the file in its place."""
        return self.folder / out

    def remove(self, out: str) -> None:
        """Remove the file in its place."""
        with suppress(OSError):
            (self.folder / out).unlink()

    def stored(self, out: str) -> str | None:
        """Return the sha256 of the file in its place."""
        try:
            return file_digest(self.folder / out)
        except OSError:
            return None
