"""Fields of the page: the options of `run`, described by the command line, and what people gave for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lipsync_edge.batch.job import Option, Vocabulary, Wishes
from lipsync_edge.errors import UsageError

Kind = Literal["choice", "text", "number", "whole", "flag", "file", "keys", "keyed files"]
Value = str | float | int | bool | None

PEOPLE = "Several people in one picture"
VOICES = 3  # people who can be given a voice of their own
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Look", ("preset", "mouth", "strength", "face")),
    (PEOPLE, ("voice", "speakers", "map")),
    ("Length", ("start", "end", "loop")),
    ("Picture", ("background", "label", "label-size", "codec", "crf")),
    ("Sound", ("play-audio", "audio-track", "listen")),
    ("Finding the face", ("box", "pads", "detect-every", "detect-side", "video-track")),
    ("Machine", ("device", "precision", "threads")),
)
REST = "More"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One option of `run` as a page asks for it.

    Attributes:
        name: the long option without its dashes.
        help: what the command line says of it.
        kind: what may be given; "keys": texts KEY=VALUE, divided by commas; "keyed files": a file for each key.
        default: what the command line takes where nothing is given.
        initial: what the page shows at first.
        choices: of a choice.
        low: least number; None: none is too low.
        high: greatest number.
        shape: what the command line shows instead of a value, such as X1,Y1,X2,Y2.
        has_picture: whether a picture may be given instead of a choice.
    """

    name: str
    help: str
    kind: Kind
    default: Value = None
    initial: Value = None
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    shape: str = ""
    has_picture: bool = False

    @property
    def picture(self) -> str:
        """Name under which its picture is given."""
        return f"{self.name}-picture"

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Names under which the key and the file of each keyed file are given."""
        return [(f"{self.name}-{k}-who", f"{self.name}-{k}") for k in range(1, VOICES + 1)]


@dataclass(frozen=True, slots=True)
class Form:
    """What the page may ask and how answers are read: the command line's own words.

    Attributes:
        fields: that are shown.
        words: reads answers, and checks the rows of a batch.
        fixed: options that whoever started the studio gave, and nobody is asked for.
    """

    fields: tuple[Field, ...]
    words: Vocabulary
    fixed: tuple[Option, ...] = ()

    def wishes(self, given: Mapping[str, Any]) -> Wishes:
        """Read what was given, by the names of the fields.

        Raises:
            UsageError: something that cannot be; as the command line says it.
        """
        return self.words.parse(self.options(given))

    def options(self, given: Mapping[str, Any]) -> tuple[Option, ...]:
        """Return what was given beyond the defaults, and what is fixed.

        Raises:
            UsageError: a choice that is none. Names of files come from uploads alone: nothing that was typed is one.
        """
        found = [option for field in self.fields for option in _options(field, given)]
        return (*found, *self.fixed)


def _options(field: Field, given: Mapping[str, Any]) -> list[Option]:
    """Return what was given for one field; nothing where the command line's default says the same."""
    value = given.get(field.name)
    if field.kind == "keyed files":
        return [one for who, file in field.pairs if (one := _keyed(field, given.get(who), given.get(file)))]
    if field.kind == "keys":
        parts = (part.strip() for part in str(value or "").split(","))
        return [Option(field.name, part) for part in parts if part]
    picture = given.get(field.picture) if field.has_picture else None
    if picture:
        if value not in (None, "", field.default):
            raise UsageError(expected=f"a picture for {field.name} or a choice", got="both")
        return [Option(field.name, "", str(Path(picture)))]
    found = _option(field, value)
    return [] if found is None else [found]


def _keyed(field: Field, who: Any, file: Any) -> Option | None:
    if who and str(who) not in field.choices:
        raise UsageError(expected=f"{field.name} of one out of {', '.join(field.choices)}", got=repr(who))
    if bool(who) != bool(file):
        missing = "file" if who else "person"
        raise UsageError(expected=f"a person and a file for each {field.name}", got=f"no {missing}")
    return Option(field.name, f"{who}=", str(Path(file))) if file else None


def _option(field: Field, value: Any) -> Option | None:
    """One field as an option; None where the command line's default says the same."""
    if value is None or value == "" or value == field.default:
        return None
    if field.kind == "flag":
        return Option(field.name, "") if value else None
    if field.kind == "file":
        return Option(field.name, "", str(Path(value)))
    if field.kind in ("number", "whole"):
        return Option(field.name, _number(field, value))
    text = str(value).strip()
    if field.kind == "choice" and text not in field.choices:
        raise UsageError(expected=f"{field.name} out of {', '.join(field.choices)}", got=repr(text))
    return Option(field.name, text)


def _number(field: Field, value: Any) -> str:
    try:
        number = float(value)
        whole = round(number)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(expected=f"a number for {field.name}", got=repr(value)) from error
    if field.kind == "whole" and whole != number:
        raise UsageError(expected=f"a whole number for {field.name}", got=str(value))
    return str(whole) if field.kind == "whole" else f"{number:g}"


def grouped(fields: Sequence[Field]) -> list[tuple[str, list[Field]]]:
    """Return the fields by the headings they stand under; those that no heading names come last."""
    by_name = {field.name: field for field in fields}
    groups = [(title, [by_name.pop(name) for name in names if name in by_name]) for title, names in GROUPS]
    return [(title, found) for title, found in (*groups, (REST, list(by_name.values()))) if found]
