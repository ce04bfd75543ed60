"""A share that stalls: a folder mounted by FUSE at another place, whose reads or writes stop to return.

    python -m tests.hostile.stalling FOLDER MOUNTPOINT

It is well until a file named `stall-read` or `stall-write` appears in FOLDER; then whoever reads or writes waits until
that file is gone, as on a network drive whose server does not answer.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import mfusepy

ROOT = Path(__file__).parents[2]
POLL_S = 0.02


class Share(mfusepy.Operations):  # type: ignore[misc]
    """Passes everything on to a folder."""

    use_ns = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _wait(self, kind: str) -> None:
        while (self._folder / f"stall-{kind}").exists():
            time.sleep(POLL_S)

    def _at(self, path: str) -> str:
        return str(self._folder / path.lstrip("/"))

    def getattr(self, path: str, fh: Any = None) -> dict[str, Any]:
        try:
            found = os.lstat(self._at(path))
        except OSError as error:
            raise mfusepy.FuseOSError(error.errno or errno.EIO) from error
        names = (
            "st_mode",
            "st_nlink",
            "st_size",
            "st_uid",
            "st_gid",
            "st_atime_ns",
            "st_mtime_ns",
            "st_ctime_ns",
        )
        return {name.removesuffix("_ns"): getattr(found, name) for name in names}

    def readdir(self, path: str, fh: Any) -> list[str]:
        return [".", "..", *os.listdir(self._at(path))]  # noqa: PTH208

    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._wait("read")
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._wait("write")
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: Any = None) -> None:
        os.truncate(self._at(path), length)

    def unlink(self, path: str) -> None:
        self._wait("write")
        Path(self._at(path)).unlink()

    def rename(self, old: str, new: str) -> None:
        Path(self._at(old)).rename(self._at(new))

    def chmod(self, path: str, mode: int) -> None:
        Path(self._at(path)).chmod(mode)

    def release(self, path: str, fh: int) -> None:
        os.close(fh)


@contextmanager
def share(folder: Path, place: Path) -> Iterator[Path]:
    """Mount a folder at another place; OSError where that is not to be had."""
    place.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.stalling", str(folder), str(place)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 20
        while not place.is_mount():
            if process.poll() is not None or time.monotonic() > end:
                raise OSError("no share may be mounted here")
            time.sleep(POLL_S)
        yield place
    finally:
        for kind in ("read", "write"):
            (folder / f"stall-{kind}").unlink(missing_ok=True)
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


if __name__ == "__main__":
    # no page cache: what was read once is asked for again
    mfusepy.FUSE(Share(Path(sys.argv[1])), sys.argv[2], foreground=True, direct_io=True, nothreads=False)
