"""The results file: one JSON object a line, written as jobs end, read again by a later run to go on from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsync_edge.errors import OutputError
from lipsync_edge.json_reader import parse_json

DONE, FAILED = "done", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one job ended.

    Attributes:
        job: its output's place in the output folder.
        row: its row in the manifest.
        state: "done" or "failed".
        exit_code: what `run` would have ended with; of a worker that died 128 + the signal, or its own code.
        error: one line, empty where there is none.
        seconds: that the last attempt took.
        frames: of the result.
        digest: of inputs, options and models; empty where it is not known.
        sha256: of the result.
        stored: what the storage says of it.
        attempts: how often it was begun.
        ended: when, in UTC, as 2026-01-31T12:00:00+00:00.
    """

    job: str
    row: int
    state: str
    exit_code: int = 0
    error: str = ""
    seconds: float = 0.0
    frames: int = 0
    digest: str = ""
    sha256: str = ""
    stored: str = ""
    attempts: int = 1
    ended: str = ""


def read_results(path: Path) -> dict[str, Outcome]:
    """Return the last outcome of every job; a line that a killed run left half is passed over."""
    found: dict[str, Outcome] = {}
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return found
    except OSError as error:
        raise OutputError(expected=f"a results file at {path}", got=error.strerror or str(error)) from error
    for line in lines:
        outcome = _parsed(line)
        if outcome is not None:
            found[outcome.job] = outcome
    return found


def _parsed(line: str) -> Outcome | None:
    try:
        values = parse_json(line)
        known = {name: values[name] for name in Outcome.__dataclass_fields__ if name in values}
        outcome = Outcome(**known)
    except (ValueError, TypeError, KeyError):
        return None
    return outcome if isinstance(outcome.job, str) and isinstance(outcome.digest, str) else None


class ResultsFile:
    """Appends outcomes; each is on the disk when `add` returns.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("ab", buffering=0)
            if self._file.tell() and not _ends_a_line(path):
                self._file.write(b"\n")
        except OSError as error:
            raise self._cannot(error) from error

    def add(self, outcome: Outcome, **more: Any) -> None:
        """Append one line."""
        try:
            self._file.write(json.dumps({**asdict(outcome), **more}).encode() + b"\n")
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._cannot(error) from error

    def _cannot(self, error: OSError) -> OutputError:
        return OutputError(expected=f"to write the results to {self.path}", got=error.strerror or str(error))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> ResultsFile:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def failures(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return those that failed, in the order of their rows."""
    return sorted((one for one in outcomes if one.state == FAILED), key=lambda one: one.row)
