"""Who speaks when, read from a file that a diarisation program or a person wrote: RTTM, or turns as JSON.

RTTM (NIST, "2009 Rich Transcription evaluation plan"): one turn a line, fields apart by white space,

    SPEAKER meeting 1 12.35 2.10 <NA> <NA> SPEAKER_00 <NA> <NA>

of which the file, the beginning and the length in seconds and the name are used. Lines of other kinds are passed over.
JSON: a list of {"speaker": …, "start": …, "end": …} (or "duration"), or an object that has it as "turns" or "segments".
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from lipsync_edge.audio.turns import Turn
from lipsync_edge.errors import InputError
from lipsync_edge.json_reader import parse_json

LARGEST = 16 << 20  # bytes
_FIELDS = 8  # of a line, the name being the last that is needed
_OTHER_KINDS = (
    "NOSCORE", "NO_RT_METADATA", "SEGMENT", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "IP", "CB", "A/P",
    "SU", "SPKR-INFO", "SPEAKER-INFO",
)  # fmt: skip
_EXAMPLE = "'SPEAKER file 1 start length <NA> <NA> name <NA> <NA>'"


def read_turns(path: Path, sound: str = "") -> list[Turn]:
    """Read a file of turns.

    Args:
        path: .json, or anything else as RTTM.
        sound: name of the sound's file without its ending, which tells its turns from those of others in one RTTM.

    Raises:
        InputError: the file cannot be read or used; a line or a turn that is wrong is named.
    """
    text = _text(path)
    turns = _of_json(path, text) if _is_json(path, text) else _of_rttm(path, text, sound)
    if not turns:
        raise InputError(expected=f"turns in {path.name}", got="none")
    return turns


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(
                expected=f"a file of turns up to {LARGEST >> 20} MiB",
                got=f"{path.stat().st_size >> 20} MiB at {path.name}",
            )
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(
            expected=f"a file of turns (RTTM or JSON) at {path}", got=(error.strerror or str(error)).lower()
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            expected=f"text (UTF-8) in {path.name}", got=f"byte {error.start} is none"
        ) from error


def _is_json(path: Path, text: str) -> bool:
    return path.suffix.lower() == ".json" or text.lstrip()[:1] in ("[", "{")


def _of_rttm(path: Path, text: str, sound: str) -> list[Turn]:
    of_file: dict[str, list[Turn]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or line.lstrip().startswith((";", "#")) or fields[0] in _OTHER_KINDS:
            continue
        place = f"line {number} of {path.name}"
        if fields[0] != "SPEAKER" or len(fields) < _FIELDS:
            shown = " ".join(fields)
            raise InputError(expected=f"{_EXAMPLE} in {place}", got=repr(shown[:60]))
        start, length = _seconds(fields[3], "start", place), _seconds(fields[4], "length", place)
        turn = Turn(fields[7], start, start + length)
        of_file.setdefault(fields[1], []).append(turn)
    if len(of_file) > 1 and sound not in of_file:
        raise InputError(
            expected=f"turns of one file, or of one called {sound}, in {path.name}",
            got=", ".join(sorted(of_file)[:5]),
        )
    return of_file[sound] if sound in of_file else [turn for turns in of_file.values() for turn in turns]


def _of_json(path: Path, text: str) -> list[Turn]:
    try:
        content = parse_json(text)
    except ValueError as error:
        raise InputError(expected=f"JSON in {path.name}", got=str(error)) from error
    if isinstance(content, dict):
        content = content.get("turns", content.get("segments"))
    if not isinstance(content, list):
        raise InputError(
            expected=f'a list of turns, or an object with "turns" or "segments", in {path.name}',
            got=type(content).__name__,
        )
    return [_turn(entry, f"turn {number} of {path.name}") for number, entry in enumerate(content, 1)]


def _turn(entry: Any, place: str) -> Turn:
    known = isinstance(entry, dict) and "speaker" in entry and "start" in entry
    if not known or ("end" not in entry) == ("duration" not in entry):
        raise InputError(
            expected=f'"speaker", "start" and either "end" or "duration" in {place}',
            got=json.dumps(entry)[:60],
        )
    start = _seconds(entry["start"], "start", place)
    end = (
        _seconds(entry["end"], "end", place)
        if "end" in entry
        else start + _seconds(entry["duration"], "duration", place)
    )
    if end < start:
        raise InputError(expected=f"an end after the start in {place}", got=f"{start:g} to {end:g} s")
    return Turn(str(entry["speaker"]), start, end)


def _seconds(value: Any, what: str, place: str) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool) or not (math.isfinite(seconds) and seconds >= 0):
        raise InputError(expected=f"a {what} of 0 seconds or more in {place}", got=repr(value)[:60])
    return seconds
