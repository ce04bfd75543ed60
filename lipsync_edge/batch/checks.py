"""Rows to jobs: every row is checked before the first is made."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from lipsync_edge.batch.job import BatchJob, Option, Vocabulary, is_url
from lipsync_edge.batch.manifest import Row
from lipsync_edge.batch.storage import WORK_FOLDER
from lipsync_edge.errors import InputError, LipsyncError, UsageError
from lipsync_edge.video.container import check_file
from lipsync_edge.video.writer import check_codec

OWN = ("face", "audio", "out")  # columns that are no options; `--face` is the option of that name
_LOCAL = ("file", "local")  # kinds of URLs that are paths
_LONGEST = 255  # bytes of a name that file systems take
_SHOWN = 3  # rows in one message
_ANY_FILE = "file.png"  # stands for any file while options are checked
_TRUE, _FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")


class JobChecker:
    """Makes jobs of rows; remembers what was said of options and files, as rows share them.

    Args:
        root: folder that relative names start from and in which every file must lie.
        words: options that rows may give.
        common: options of every row that does not give them itself; they come from whoever starts the batch, so their
            files are looked for from the working folder and may lie anywhere.
    """

    def __init__(self, root: Path, words: Vocabulary, common: Mapping[str, str] | None = None) -> None:
        self._root = root.resolve()
        self._words = words
        self._common = dict(common or {})
        self._codecs: dict[tuple[Option, ...], str] = {}
        self._files: dict[tuple[str, bool], str] = {}

    def jobs(self, rows: Sequence[Row]) -> list[BatchJob]:
        """Check every row; return the jobs in their order.

        Raises:
            UsageError, InputError: rows that cannot be made; the first of them are named.
        """
        jobs: list[BatchJob] = []
        wrong: list[tuple[int, LipsyncError]] = []
        for row in rows:
            try:
                jobs.append(self._job(row))
            except LipsyncError as error:
                wrong.append((row.number, error))
        jobs_of: dict[str, int] = {}
        for job in jobs:
            first = jobs_of.setdefault(_alike(job.out), job.row)
            if first != job.row:
                wrong.append(
                    (job.row, UsageError(expected="an output of its own", got=f"{job.out}, as row {first}"))
                )
        for job in jobs:
            folder = next(
                (one for one in PurePosixPath(job.out).parents if _alike(str(one)) in jobs_of), None
            )
            if folder is not None:
                got = f"{job.out} inside {folder}, the output of row {jobs_of[_alike(str(folder))]}"
                wrong.append((job.row, UsageError(expected="an output in a folder", got=got)))
        if wrong:
            raise _together(sorted(wrong, key=lambda one: one[0]), len(rows))
        return jobs

    def _job(self, row: Row) -> BatchJob:
        own = {column_of(name): one for name, one in row.values.items()}
        values = self._common | own
        options = tuple(
            one
            for name, value in values.items()
            if name not in OWN
            for one in self._options(name, value, anywhere=name not in own)
        )
        for name in ("face", "out"):
            if not isinstance(values.get(name), str):
                raise UsageError(expected=f"a file in column {name}", got=repr(values.get(name, "nothing")))
        audio = values.get("audio", "")
        voices = any(option.name in self._words.keyed_files for option in options)
        if not isinstance(audio, str) or not (audio or voices):
            raise UsageError(expected="a file in column audio", got=repr(audio or "nothing"))
        if audio and voices:
            raise UsageError(expected="either a file in column audio or columns voice:WHO", got="both")
        out = self._out(values["out"])
        self._check_options(out, options)
        face = self._file(values["face"], anywhere="face" not in own)
        heard = self._file(audio, anywhere="audio" not in own) if audio else ""
        return BatchJob(out=out, row=row.number, face=face, audio=heard, options=options)

    def _options(self, column: str, value: Any, *, anywhere: bool = False) -> list[Option]:
        """What one column gives; several where it is a list or a table."""
        words = self._words
        name, _, key = column.removeprefix("--").partition(":")
        if name not in words.names or (key and name not in words.keyed):
            known = ", ".join(sorted(words.names - {"face"}))
            raise UsageError(expected=f"columns face, audio, out, --face or out of {known}", got=repr(column))
        if isinstance(value, dict):
            given = [(f"{name}:{inner}", single) for inner, single in value.items()]
            return [one for key, single in given for one in self._options(key, single, anywhere=anywhere)]
        if isinstance(value, list) and name in words.keyed:
            return [one for single in value for one in self._options(column, single, anywhere=anywhere)]
        if name in words.flags:
            return _flag(name, value)
        if isinstance(value, (list, bool)):
            raise UsageError(expected=f"one value for {name}", got=repr(value))
        text = str(value)
        if name in words.keyed:
            who, equals, rest = (key, "=", text) if key else text.partition("=")
            if not equals:
                raise UsageError(expected=f"{name} as KEY=VALUE, or a column {name}:KEY", got=repr(text))
            named = name in words.keyed_files
            file = self._file(rest, anywhere=anywhere) if named else ""
            return [Option(name, f"{who}=", file) if named else Option(name, f"{who}={rest}")]
        if name in words.folders:
            return [Option(name, str(self._place(text, anywhere=anywhere)))]
        named = name in words.files or (name == "face" and bool(PurePosixPath(text).suffix))
        return [Option(name, "", self._file(text, anywhere=anywhere)) if named else Option(name, text)]

    def _check_options(self, out: str, options: tuple[Option, ...]) -> None:
        alike = tuple(replace(one, file=_ANY_FILE) if one.file else one for one in options)
        if alike not in self._codecs:
            self._codecs[alike] = self._words.parse(alike).options.codec
        check_codec(Path(out), self._codecs[alike])

    def _file(self, name: str, *, anywhere: bool) -> str:
        """Return where a file is: a URL as it stands, a path as an absolute one; InputError when nothing is there."""
        if is_url(name):
            for place in local_places(name):
                self._place(place, anywhere=anywhere)
            return name
        if (name, anywhere) not in self._files:
            path = self._place(name, anywhere=anywhere)
            check_file(path, "a file")
            self._files[name, anywhere] = str(path)
        return self._files[name, anywhere]

    def _place(self, name: str, *, anywhere: bool) -> Path:
        """Return where a name leads; UsageError when that is not inside the folder, and should be."""
        if "\0" in name:
            raise UsageError(expected="the name of a file", got=repr(name))
        path = Path(os.path.normpath((Path.cwd() if anywhere else self._root) / name))
        if not anywhere and not path.is_relative_to(self._root):
            raise UsageError(
                expected=f"a file inside {self._root}", got=name, fix="or name another folder with --root"
            )
        return path

    def _out(self, name: str) -> str:
        place = os.path.normpath(name)
        path = PurePosixPath(*Path(place).parts)
        if (
            Path(name).is_absolute()
            or is_url(name)
            or ".." in path.parts
            or "\0" in name
            or path.name in ("", ".")
        ):
            raise UsageError(
                expected="an output inside the output folder", got=name, fix="give a relative name"
            )
        longest = max(path.parts, key=lambda part: len(os.fsencode(part)))
        if len(os.fsencode(longest)) > _LONGEST:
            raise UsageError(
                expected=f"names of at most {_LONGEST} bytes in an output",
                got=f"one of {len(os.fsencode(longest))}, {longest[:20]}…",
            )
        if path.parts[0] == WORK_FOLDER:
            raise UsageError(expected=f"an output outside {WORK_FOLDER}", got=name)
        return str(path)


def local_places(url: str) -> list[str]:
    """Return the paths of this machine that a URL of fsspec opens: file://…, alone or in a chain (zip://…::file://…)."""
    links = [
        (kind, rest) if mark else ("", kind)
        for kind, mark, rest in (one.partition("://") for one in url.split("::"))
    ]
    return [
        rest for kind, rest in links if kind in _LOCAL or (not kind and any(mark in rest for mark in "/\\."))
    ]


def column_of(name: str) -> str:
    """Return a column's name without dashes; `--face` keeps them, as `face` is the file."""
    return name if name == "--face" else name.removeprefix("--")


def _flag(name: str, value: Any) -> list[Option]:
    text = str(value).lower()
    if text not in (*_TRUE, *_FALSE):
        raise UsageError(expected=f"true or false for {name}", got=repr(value))
    return [Option(name, "")] if text in _TRUE else []


def _alike(out: str) -> str:
    """Return what two names have in common that are one file on some file system."""
    return unicodedata.normalize("NFC", out).casefold()


def _together(wrong: list[tuple[int, LipsyncError]], count: int) -> LipsyncError:
    """Return one error for all rows that cannot be made."""
    kind = InputError if all(isinstance(error, InputError) for _, error in wrong) else UsageError
    if len(wrong) == 1:
        number, error = wrong[0]
        return kind(expected=f"{error.expected} in row {number}", got=error.got, fix=error.fix)
    said = [f"row {number}: expected {error.expected}, got {error.got}" for number, error in wrong[:_SHOWN]]
    more = "" if len(wrong) <= _SHOWN else f" | and {len(wrong) - _SHOWN} more"
    return kind(
        expected="rows that can be made", got=f"{len(wrong)} of {count} that cannot: {' | '.join(said)}{more}"
    )
