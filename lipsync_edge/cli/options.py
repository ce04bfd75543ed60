"""Options that several commands share, each written once, and how a file gives those that were not typed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from lipsync_edge.choices import Label as LabelName
from lipsync_edge.choices import Mouth
from lipsync_edge.choices import Precision as PrecisionName
from lipsync_edge.cli.console import reporting
from lipsync_edge.errors import UsageError
from lipsync_edge.models.devices import DEVICE_NAMES
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.preset import preset_names
from lipsync_edge.toml_reader import read_toml


def engine_of(typed: Mapping[str, Any]) -> EngineOptions:
    """Return the engine that options ask for, by the names of their parameters; others are passed over."""
    given = {name: typed[name] for name in ENGINE}
    given["models"] = None if given["models"] is None else Path(given["models"])
    return EngineOptions(**given)


def with_engine(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command be typed with every option of the engine in place of its parameter `engine`."""
    signature = inspect.signature(command, eval_str=True)
    defaults = EngineOptions()
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=getattr(defaults, name), annotation=option
        )
        for name, option in ENGINE.items()
    ]
    parameters: list[inspect.Parameter] = []
    for one in signature.parameters.values():
        parameters += options if one.name == "engine" else [one.replace(kind=inspect.Parameter.KEYWORD_ONLY)]

    @wraps(command)
    def typed(**given: Any) -> None:
        with reporting(bool(given.get("as_json"))):
            engine = engine_of(given)
        command(engine=engine, **{name: value for name, value in given.items() if name not in ENGINE})

    typed.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    typed.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
    return typed


def one_of(names: Sequence[str], about: str) -> Any:
    """Return an option whose names come from a table or a folder: help and completion list them.

    What is typed is checked where the names are used, by an error that lists them, too.
    """

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return typer.Option(help=f"{about} {', '.join(names)}.", metavar="<name>", autocompletion=complete)


Preset = Annotated[str, one_of(preset_names(), "Which networks:")]
Device = Annotated[str, one_of(DEVICE_NAMES, "Where they run; only auto may fall back:")]
Precision = Annotated[PrecisionName, typer.Option(help="Of their files; auto takes the fastest.")]
Threads = Annotated[int | None, typer.Option(help="Threads of one network call.", min=1)]
Models = Annotated[Path | None, typer.Option(help="Folder with your own converted models.")]
ENGINE: dict[str, Any] = {
    "preset": Preset,
    "device": Device,
    "precision": Precision,
    "threads": Threads,
    "models": Models,
}
"""Field of `EngineOptions` → the option that gives it."""

Face = Annotated[str, typer.Option(help="Who: largest, left, right, an index from the left, or a picture.")]
Faces = Annotated[
    str, typer.Option(help="Who: largest, left, right, an index from the left, a picture, or all.")
]
Voices = Annotated[
    list[str] | None,
    typer.Option(
        "--voice", metavar="WHO=AUDIO", help="Who (as --face) says what, instead of AUDIO; for each person."
    ),
]
Speakers = Annotated[
    Path | None, typer.Option(help="RTTM or JSON: who speaks when in AUDIO; goes with --map.")
]
SpeakerMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="SPEAKER=WHO", help="Who a speaker is (as --face), or none; for each speaker."
    ),
]
Box = Annotated[str | None, typer.Option(metavar="X1,Y1,X2,Y2", help="A fixed face box in pixels.")]
Pads = Annotated[str | None, typer.Option(metavar="T,B,L,R", help="Pixels added to the face box.")]

WhoseMouth = Annotated[
    Mouth, typer.Option(help="The person's own lips and teeth where the film shows them, always, or never.")
]
Strength = Annotated[
    float, typer.Option(help="How far an own mouth moves; 1: the person's own range.", min=0, max=1.5)
]
Background = Annotated[
    str,
    typer.Option(
        metavar="NAME|#RRGGBB", help="What transparent parts are laid on: white, black, gray, green."
    ),
]
NoMark = Annotated[
    bool, typer.Option("--no-mark", help="Do not mark the result as made with AI; see docs/trust.md first.")
]
SignCert = Annotated[
    Path | None, typer.Option(help="PEM file: your certificate, for a C2PA manifest that others trust.")
]
SignKey = Annotated[Path | None, typer.Option(help="PEM file: its private key, without a password.")]
Label = Annotated[LabelName, typer.Option(help='Corner of a small visible "AI".')]
LabelSize = Annotated[
    float, typer.Option(help="Height of the label, percent of the shorter side.", min=3.0, max=30.0)
]

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")]
Token = Annotated[str, typer.Option(envvar="LIPSYNC_EDGE_TOKEN", help="What callers must know.")]
UploadMb = Annotated[int, typer.Option(min=1, help="Megabytes of one upload.")]
Avatar = Annotated[Path | None, typer.Option(help="Saved avatar, video or picture of the face.")]
Fps = Annotated[float, typer.Option(min=0, max=240, help="Frames a second; 0: the avatar's own.")]
Watchdog = Annotated[float, typer.Option(min=0, help="Exit when a session hangs so long; 0: never.")]

Json = Annotated[bool, typer.Option("--json", help="Print the result, or the error, as one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")]


def defaults_from(context: typer.Context, path: Path | None, table: str = "") -> Path | None:
    """Let a TOML file, or one table of it, give the options that were not typed; keys are the long option names."""
    if path is None:
        return None
    try:
        content = read_toml(path)
    except (OSError, ValueError) as error:
        raise UsageError(expected=f"a TOML file at {path}", got=str(error)) from error
    place = f"[{table}] of {path.name}" if table else path.name
    given = content.get(table, {}) if table else content
    if not isinstance(given, dict):
        raise UsageError(expected=f"a table [{table}] in {path.name}", got=type(given).__name__)
    names = {
        name.lstrip("-"): p.name for p in context.command.params for name in p.opts if p.name != "config"
    }
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise UsageError(
            expected=f"options out of {', '.join(sorted(names))} in {place}", got=", ".join(unknown)
        )
    context.default_map = {names[key]: value for key, value in given.items()}
    return path


def file_option(about: str, callback: Callable[[typer.Context, Path | None], Path | None]) -> Any:
    """Return the option that names a file with options; it is read before the others."""
    return typer.Option(callback=callback, is_eager=True, help=about)


def _live_table(context: typer.Context, path: Path | None) -> Path | None:
    return defaults_from(context, path, "live")


def _serve_table(context: typer.Context, path: Path | None) -> Path | None:
    return defaults_from(context, path, "serve")


def _whole_file(context: typer.Context, path: Path | None) -> Path | None:
    return defaults_from(context, path)


Config = Annotated[Path | None, file_option("TOML file with options.", _whole_file)]
LiveConfig = Annotated[Path | None, file_option("TOML file with options in a table named live.", _live_table)]
ServeConfig = Annotated[
    Path | None, file_option("TOML file with options in a table named serve.", _serve_table)
]


def pairs_of(given: Sequence[str] | None, option: str, what: str) -> dict[str, str]:
    """Read what an option that takes NAME=VALUE several times was given; a name may come once only."""
    pairs: dict[str, str] = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not (sign and name and value):
            raise UsageError(expected=f"{option} {what}", got=repr(text))
        if name in pairs:
            raise UsageError(
                expected=f"{option} once for each of {what.partition('=')[0]}", got=f"{name} twice"
            )
        pairs[name] = value
    return pairs


def box_of(text: str | None) -> tuple[float, float, float, float] | None:
    """Read what --box was given: left, top, right, bottom in frame pixels."""
    return None if text is None else _four(text, float, "box x1,y1,x2,y2")


def pads_of(text: str | None) -> tuple[int, int, int, int] | None:
    """Read what --pads was given: top, bottom, left, right in frame pixels."""
    if text is None:
        return None
    top, bottom, left, right = _four(text, int, "pads top,bottom,left,right")
    return int(top), int(bottom), int(left), int(right)


def _four(text: str, kind: type[float], what: str) -> tuple[float, float, float, float]:
    try:
        a, b, c, d = (kind(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(expected=what, got=repr(text)) from error
    return a, b, c, d
