"""History: results kept in folders of the user's own, each written whole or not at all.

::

    FOLDER/.lock                          one studio at a time
    FOLDER/.draft-…/                      what is being made; removed when it is given up, or at the next start
    FOLDER/20260131-120000-1a2b3c4d/      one result
        entry.json  result.mp4  source.mp4  poster.jpg  report.html

The folder is readable by its owner alone: it shows faces. Nothing in it is ever removed but by `remove`.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from lipsync_edge.errors import OutputError, UsageError, told_by_system
from lipsync_edge.file_lock import locked

RESULT, SOURCE, POSTER, REPORT, ENTRY = "result.mp4", "source.mp4", "poster.jpg", "report.html", "entry.json"
SHOWN = (RESULT, SOURCE, POSTER, REPORT)  # files that a browser may ask for
KEY = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")
_DRAFT = ".draft-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One result.

    Attributes:
        key: name of its folder.
        title: face and voice, for people.
        made: when, local time, as 2026-01-31T12:00:00.
        summary: size, length and speed, for people.
        marked: whether the file says that it was made with AI, and what says so holds.
        mark: what was marked, by whom.
        check: what `mark check` found, line by line.
        options: that were not the usual ones, as the command line takes them.
        notes: what was chosen or changed of the files.
    """

    key: str
    title: str
    made: str
    summary: str
    marked: bool
    mark: str
    check: tuple[str, ...] = ()
    options: str = ""
    notes: tuple[str, ...] = ()


class Draft:
    """A result that is being made, in a folder of its own.

    Attributes:
        key: name it will have.
        folder: where its files are written.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key
        self.entry: Entry | None = None

    def finish(self, entry: Entry) -> Entry:
        """Say that it is whole, and what it is."""
        self.entry = entry
        return entry


class History:
    """Results in a folder; made by `open_history`.

    Args:
        folder: of them all; it is there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entries(self) -> list[Entry]:
        """Return all results, the newest first; a folder that cannot be read is passed over."""
        found = (
            _read(path) for path in sorted(self.folder.iterdir(), reverse=True) if KEY.fullmatch(path.name)
        )
        return [entry for entry in found if entry is not None]

    def find(self, key: str) -> Entry:
        """Return a result; UsageError where there is none of that name."""
        entry = _read(self.folder / key) if KEY.fullmatch(key) else None
        if entry is None:
            raise UsageError(
                expected="a result of the history", got="none of that name", fix="choose another"
            )
        return entry

    def file(self, key: str, name: str) -> Path | None:
        """Return a file of a result that a browser may see; None for everything else, whatever is asked for."""
        if not KEY.fullmatch(key) or name not in SHOWN:
            return None
        path = self.folder / key / name
        return path if path.is_file() and not path.is_symlink() else None

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """Give a folder for a new result; when the block ends it is one, when it raises nothing is left.

        Raises:
            OutputError: the folder cannot be written to.
        """
        key = f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        folder = self.folder / f"{_DRAFT}{key}"
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise told_by_system(error) from error
        draft = Draft(folder, key)
        try:
            yield draft
            assert draft.entry is not None, "a draft that was not finished"
            (folder / ENTRY).write_text(json.dumps(asdict(draft.entry), indent=1) + "\n", "utf-8")
            folder.rename(self.folder / key)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def remove(self, key: str) -> None:
        """Remove a result and all that belongs to it."""
        self.find(key)
        shutil.rmtree(self.folder / key, ignore_errors=True)


@contextmanager
def open_history(folder: Path) -> Iterator[History]:
    """Be the only studio at a folder; what a killed one left half made is removed.

    Raises:
        OutputError: it cannot be written to, or another studio is at it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK):
            raise OutputError(expected=f"a folder that can be written to at {folder}", got="no permission")
        lock = locked(folder / ".lock", wait=False)
        held = lock.__enter__()
    except OSError as error:
        raise OutputError(
            expected=f"a folder for the results at {folder}", got=told_by_system(error).got
        ) from error
    try:
        if not held:
            raise OutputError(
                expected=f"a folder of results of its own at {folder}",
                got="another studio that is at it",
                fix="use that one, or name another folder with --results",
            )
        for path in folder.glob(f"{_DRAFT}*"):
            shutil.rmtree(path, ignore_errors=True)
        yield History(folder)
    finally:
        lock.__exit__(None, None, None)


def _read(folder: Path) -> Entry | None:
    try:
        values = json.loads((folder / ENTRY).read_text("utf-8"))
        for name in ("check", "notes"):
            values[name] = tuple(values[name])
        entry = Entry(**values)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return entry if entry.key == folder.name else None
