"""Inputs and results behind fsspec URLs: downloads into a bounded cache, results uploaded whole.

Credentials are those that fsspec finds (environment, its configuration files, the machine's role), on every node.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from lipsync_edge.atomic_write import beside, replacing
from lipsync_edge.batch.job import is_url
from lipsync_edge.digests import FileDigests, digest_of, file_digest
from lipsync_edge.disk_budget import over_budget
from lipsync_edge.errors import DeviceError, InputError, LipsyncError, OutputError, told_by_system
from lipsync_edge.file_lock import locked

MOST_BYTES = 20 << 30  # of downloads that one node keeps
WHOLE = (
    "s3",
    "s3a",
    "gs",
    "gcs",
    "az",
    "abfs",
    "abfss",
    "adl",
    "memory",
)  # a put is seen when it is complete
_SIGN_IN = "check the credentials and rights of the storage on every node"
_TAGS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")
_REFUSALS = ("Credential", "Forbidden", "Access", "403", "Signature")  # in what storages say
_PROBE = ".lipsync-edge-probe"


class UrlStorage:
    """Inputs are URLs or paths that every worker sees; results go below a URL or a folder that every worker sees.

    Args:
        out: URL or folder of the results.
        downloads: folder of the cache of inputs, one for each node.
        most_bytes: what it may take; the least recently used goes first.
    """

    def __init__(self, out: str, downloads: Path, most_bytes: int = MOST_BYTES) -> None:
        self.out = out.rstrip("/")
        self.downloads = downloads
        self._most_bytes = most_bytes
        self._digests = FileDigests()

    def check(self, some_inputs: Iterator[str]) -> None:
        """Write and remove a file among the results, and look at some inputs, before work begins.

        Raises:
            OutputError, InputError: that cannot be done.
        """
        if is_url(self.out):
            with tempfile.TemporaryDirectory() as folder, _told(OutputError, f"to write to {self.out}"):
                probe = Path(folder) / _PROBE
                probe.write_bytes(b"lipsync-edge")
                files, place = self._put(probe, f"{self.out}/{_PROBE}")
                files.rm_file(place)
        for name in some_inputs:
            self.content(name)

    def fetch(self, name: str, into: Path) -> Path:
        """Return an input as a file; a URL is downloaded once a node and linked into a folder of the job's own."""
        if not is_url(name):
            return Path(name)
        files, place = self._file_system(name)
        with _told(InputError, f"to read {name}"):
            key = digest_of([name, _state(files, place)])
            self.downloads.mkdir(parents=True, exist_ok=True)
            into.mkdir(parents=True, exist_ok=True)
            kept = self.downloads / f"{key}.input"
            linked = into / f"{key[:12]}{PurePosixPath(place.partition('?')[0]).suffix}"
            with locked(self.downloads / "lock"):  # one download of a node at a time
                if not kept.is_file():
                    with replacing(kept) as partial:
                        files.get_file(place, str(partial))
                    self._trim(kept)
                os.utime(kept)
                _link(kept, linked)
        return linked

    def content(self, name: str) -> str:
        """Return what changes with an input: the sha256 of a file, what the storage says of a URL."""
        if is_url(name):
            files, place = self._file_system(name)
            with _told(InputError, f"to read {name}"):
                return _state(files, place)
        try:
            return self._digests(Path(name))
        except OSError as error:
            raise InputError(expected=f"a file at {name}", got=error.strerror or str(error)) from error

    def publish(self, made: Path, out: str) -> str:
        """Upload a result; it is seen under its name when it is whole."""
        if not is_url(self.out):
            return self._copy(made, Path(self.out) / out)
        with _told(OutputError, f"to write {self.out}/{out}"):
            return _state(*self._put(made, f"{self.out}/{out}"))

    def _put(self, made: Path, url: str) -> tuple[Any, str]:
        """Upload a file to a URL, by another name first where a part of it could be seen; return where it is."""
        files, place = self._file_system(url)
        if _protocol(url) in WHOLE:
            files.put_file(str(made), place)
            return files, place
        files.makedirs(place.rpartition("/")[0], exist_ok=True)
        partial = f"{place}.{os.getpid()}.partial"
        try:
            files.put_file(str(made), partial)
            files.mv(partial, place)
        finally:
            with suppress(Exception):
                files.rm_file(partial)
        return files, place

    def stored(self, out: str) -> str | None:
        """Return what changes with the result; None where there is none."""
        if not is_url(self.out):
            place = Path(self.out) / out
            return file_digest(place) if place.is_file() else None
        files, at = self._file_system(f"{self.out}/{out}")
        with _told(OutputError, f"to look at {self.out}/{out}"):
            try:
                return _state(files, at)
            except FileNotFoundError:
                return None

    def fetch_stored(self, out: str, into: Path) -> Path:
        """Return what was published; what lies behind a URL is downloaded for this job alone."""
        if not is_url(self.out):
            return Path(self.out) / out
        into.mkdir(parents=True, exist_ok=True)
        place = into / PurePosixPath(out).name
        files, at = self._file_system(f"{self.out}/{out}")
        with _told(InputError, f"to read {self.out}/{out}"):
            files.get_file(at, str(place))
        return place

    def remove(self, out: str) -> None:
        """Remove what was published."""
        with suppress(Exception):  # every storage has errors of its own, and what stays is hidden
            if is_url(self.out):
                files, at = self._file_system(f"{self.out}/{out}")
                files.rm_file(at)
            else:
                (Path(self.out) / out).unlink()

    def _copy(self, made: Path, place: Path) -> str:
        """Copy a result beside its place, maybe on another disk, and rename it."""
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = beside(place)
            try:
                shutil.copyfile(made, partial)
                partial.replace(place)
            finally:
                partial.unlink(missing_ok=True)
            return file_digest(place)
        except OSError as error:
            raise OutputError(expected=f"a file at {place}", got=told_by_system(error).got) from error

    def _file_system(self, url: str) -> tuple[Any, str]:
        try:
            import fsspec
        except ImportError as error:
            raise DeviceError(
                expected=f"fsspec for {url}",
                got="it is not installed",
                fix='pip install "lipsync-edge[cluster]"',
            ) from error
        with _told(InputError, f"a URL that fsspec opens, {url}"):
            files, place = fsspec.core.url_to_fs(url)
        return files, place

    def _trim(self, newest: Path) -> None:
        """Remove what was not asked for longest; links in jobs' own folders keep what they use."""
        kept = (path for path in self.downloads.glob("*.input") if path != newest)
        room = max(0, self._most_bytes - newest.stat().st_size)
        for path in over_budget(kept, room):
            path.unlink(missing_ok=True)


def _state(files: Any, place: str) -> str:
    """Return what changes with a file of a storage: its size, and a tag or a time of it."""
    files.invalidate_cache()  # a listing may say otherwise, or what was true before
    info = files.info(place)
    said = next((str(info[name]) for name in _TAGS if info.get(name)), None) or str(files.ukey(place))
    return digest_of([info.get("size"), said.strip('"')])


def _protocol(url: str) -> str:
    return url.partition("://")[0].rpartition("::")[2]


def _link(kept: Path, linked: Path) -> None:
    linked.unlink(missing_ok=True)
    try:
        os.link(kept, linked)
    except OSError:  # another disk
        shutil.copyfile(kept, linked)


@contextmanager
def _told(kind: type[LipsyncError], expected: str) -> Iterator[None]:
    """Turn whatever a storage refuses into one line of ours."""
    try:
        yield
    except (LipsyncError, KeyboardInterrupt, SystemExit):
        raise
    except ImportError as error:  # a protocol whose package is not installed
        raise DeviceError(
            expected=expected, got=str(error), fix="install the package of that storage"
        ) from error
    except Exception as error:  # every storage has errors of its own
        said = " ".join(str(error).split()) or type(error).__name__
        whole = f"{type(error).__name__} {said}"
        refused = isinstance(error, PermissionError) or any(word in whole for word in _REFUSALS)
        raise kind(expected=expected, got=said[:200], fix=_SIGN_IN if refused else "") from error
