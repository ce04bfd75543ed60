"""What is to be made: the rows of a CSV or JSONL file, or the pairs of a folder."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync_edge.errors import InputError, UsageError
from lipsync_edge.json_reader import parse_json

PICTURES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".jpg", ".jpeg", ".png", ".webp")
SOUNDS = (".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus")
NEEDED = ("face", "out")
FORMS = "a .csv or .jsonl file with columns face, audio, out, or a folder of NAME.mp4 + NAME.wav"


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was written.

    Attributes:
        number: from 1; of a CSV the line behind its header is row 1.
        values: column → what stands there; what is empty is left out.
    """

    number: int
    values: dict[str, Any]


def read_manifest(path: Path) -> list[Row]:
    """Read every row; of a folder, one for each pair.

    Raises:
        InputError: it cannot be read, or holds no row.
        UsageError: columns are missing, or it is of no known form.
    """
    try:
        if not path.exists():
            raise InputError(expected=FORMS, got=f"nothing at {path}")
        if path.is_dir():
            rows = _pairs(path)
        elif path.suffix.lower() == ".csv":
            rows = list(_csv_rows(path))
        elif path.suffix.lower() in (".jsonl", ".ndjson"):
            rows = list(_json_rows(path))
        else:
            raise UsageError(expected=FORMS, got=path.name)
    except OSError as error:
        raise InputError(expected=f"a manifest at {path}", got=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise InputError(expected=f"{path.name} in UTF-8", got=str(error), fix="save it as UTF-8") from error
    if not rows:
        raise InputError(expected=f"at least one job in {path}", got="none")
    return rows


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file, strict=True)
        try:
            columns = [name.strip() for name in table.fieldnames or ()]
            check_columns(columns, path.name)
            table.fieldnames = columns
            for number, values in enumerate(table, 1):
                if None in values:
                    raise InputError(
                        expected=f"{len(columns)} cells in row {number} of {path.name}",
                        got=f"{len(columns) + len(values[None])}",
                        fix="put cells with commas into quotes",
                    )
                yield Row(
                    number, {name: text.strip() for name, text in values.items() if text and text.strip()}
                )
        except csv.Error as error:
            raise InputError(
                expected=f"a CSV file at {path}", got=f"line {table.line_num}: {error}"
            ) from error


def check_columns(columns: list[str], name: str) -> None:
    """Raise UsageError unless there are columns for every job's files, each once."""
    missing = [one for one in NEEDED if one not in columns]
    voices = "audio" in columns or any(one.startswith("voice:") for one in columns)
    if missing or not voices:
        absent = ", ".join([*missing, *([] if voices else ["audio"])])
        raise UsageError(
            expected=f"columns face, audio, out in {name}",
            got=f"no {absent} among {', '.join(columns)[:200] or 'none'}",
        )
    twice = sorted({one for one in columns if columns.count(one) > 1})
    if twice:
        raise UsageError(expected=f"every column of {name} once", got=f"{', '.join(twice)} twice")


def _json_rows(path: Path) -> Iterator[Row]:
    number = 0
    for line_number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        number += 1
        try:
            values = parse_json(line)
        except ValueError as error:
            raise InputError(
                expected=f"a JSON object in line {line_number} of {path.name}", got=str(error)
            ) from error
        if not isinstance(values, dict):
            raise InputError(
                expected=f"a JSON object in line {line_number} of {path.name}", got=type(values).__name__
            )
        yield Row(number, {name: value for name, value in values.items() if value not in (None, "", [], {})})


def _pairs(folder: Path) -> list[Row]:
    pictures, sounds = _by_stem(folder, PICTURES), _by_stem(folder, SOUNDS)
    alone = sorted(set(pictures) ^ set(sounds))
    if alone:
        raise InputError(
            expected=f"a picture and a sound of one name each in {folder}",
            got=f"{len(alone)} without the other: {', '.join(alone[:5])}{', …' if len(alone) > 5 else ''}",
        )
    return [
        Row(number, {"face": pictures[name], "audio": sounds[name], "out": f"{name}.mp4"})
        for number, name in enumerate(sorted(pictures), 1)
    ]


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file():
            if path.stem in found:
                raise InputError(
                    expected=f"one file called {path.stem} of each kind in {folder}",
                    got=f"{found[path.stem]} and {path.name}",
                )
            found[path.stem] = path.name
    return found
