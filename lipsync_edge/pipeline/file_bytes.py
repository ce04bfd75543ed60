"""Bytes of an open file, read when they are asked for.

Not a mapped file: the system ends a process that looks at a part of one that is not there any more, because somebody
copied another file over it. Here such a part is merely too short.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path


class _OpenFile:
    """A file that is open as long as somebody has this."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._turn = threading.Lock()

    def read(self, at: int, count: int) -> bytes:
        """Read at most so many bytes."""
        if hasattr(os, "pread"):
            return os.pread(self.number, count, at)
        with self._turn:  # where there is none, place and reading belong together
            os.lseek(self.number, at, os.SEEK_SET)
            return os.read(self.number, count)

    def __del__(self) -> None:
        """Close it."""
        if hasattr(self, "number"):
            os.close(self.number)


class FileBytes:
    """A stretch of a file; slices of it are bytes. Safe to share between threads."""

    def __init__(self, file: _OpenFile, begins: int, ends: int) -> None:
        self._file, self._begins, self._ends = file, begins, ends

    @classmethod
    def of(cls, path: Path) -> FileBytes:
        """Open a whole file; OSError when that cannot be done."""
        file = _OpenFile(path)
        return cls(file, 0, os.fstat(file.number).st_size)

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self._ends - self._begins

    def cut(self, begins: int, ends: int) -> FileBytes:
        """Return a stretch of this one."""
        return FileBytes(self._file, self._begins + begins, self._begins + ends)

    def __getitem__(self, part: slice) -> bytes:
        """Read a slice, step 1; less of it where the file has become shorter."""
        begins, ends, _ = part.indices(len(self))
        return self._read(self._begins + begins, max(0, ends - begins))

    def _read(self, at: int, count: int) -> bytes:
        pieces: list[bytes] = []
        while count > 0:
            piece = self._file.read(at, count)
            if not piece:
                break
            pieces.append(piece)
            at, count = at + len(piece), count - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
