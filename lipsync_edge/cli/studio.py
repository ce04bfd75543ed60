"""The command `studio`: translation only. The page's fields are the options of `run`, read off that command."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from lipsync_edge.cli.batch import NOT_IN_ROWS, long_name, vocabulary
from lipsync_edge.cli.console import reporting, say
from lipsync_edge.cli.options import ENGINE, Host, Port, SignCert, SignKey, Token, UploadMb, with_engine
from lipsync_edge.cli.run import run
from lipsync_edge.models.engine_options import EngineOptions

if TYPE_CHECKING:
    from lipsync_edge.studio.form import Field, Form
    from lipsync_edge.studio.options import StudioOptions

# who starts the studio gives these, or nobody: they name files and folders of this machine
NOT_ASKED = ("models", "sign_cert", "sign_key")
NOT_OFFERED = ("no_mark",)  # marks are always written
KINDS: dict[Any, Any] = {bool: "flag", int: "whole", float: "number", Path: "file", str: "text"}
# a picture's name would be a path of this machine: it is uploaded
PLACES = ("left", "right", *map(str, range(10)))
FACES = ("largest", "all", *PLACES)


@with_engine
def studio(
    host: Host = "127.0.0.1",
    port: Port = 7860,
    token: Token = "",
    upload_mb: UploadMb = 500,
    results: Annotated[
        Path | None, typer.Option(help="Folder of results and history; one in your data folder without it.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in your browser.")] = True,
    sign_cert: SignCert = None,
    sign_key: SignKey = None,
    *,
    engine: EngineOptions,
) -> None:
    """A page on this machine to make videos without typing commands."""
    with reporting():
        from lipsync_edge.engine import load_engine
        from lipsync_edge.live.setup import log_to_stderr
        from lipsync_edge.studio.options import StudioOptions
        from lipsync_edge.studio.run import run_studio

        options = StudioOptions(
            host=host,
            port=port,
            token=token,
            upload_mb=upload_mb,
            results=results,
            browser=browser,
            engine=engine,
            sign_cert=sign_cert,
            sign_key=sign_key,
        )
        log_to_stderr()
        run_studio(options, form_of(options), load_engine, say)


def form_of(options: StudioOptions) -> Form:
    """Return what the page asks, and how answers are read, from the options of `run`."""
    from lipsync_edge.batch.job import Option
    from lipsync_edge.studio.form import Form

    words = vocabulary()
    named = (
        ("models", options.engine.models),
        ("sign-cert", options.sign_cert),
        ("sign-key", options.sign_key),
    )
    fixed = tuple(Option(name, "", str(path.resolve())) for name, path in named if path is not None)
    initial = {name: getattr(options.engine, name) for name in ENGINE}
    return Form(tuple(_fields(initial)), words, fixed)


def _fields(initial: Mapping[str, Any]) -> Iterator[Field]:
    """The options of `run`, read off its parameters, as `batch` reads them."""
    hints = get_type_hints(run, include_extras=True)
    for name, parameter in inspect.signature(run).parameters.items():
        kind, *about = get_args(hints[name]) or (None,)
        option = next((one for one in about if isinstance(one, OptionInfo)), None)
        if option is not None and name not in (*NOT_IN_ROWS, *NOT_ASKED, *NOT_OFFERED):
            yield _field(long_name(name, hints[name]), kind, option, parameter.default, initial.get(name))


def _field(name: str, kind: Any, option: OptionInfo, default: Any, initial: Any) -> Field:
    from lipsync_edge.studio.form import Field

    plain = (
        next((one for one in get_args(kind) if one is not type(None)), kind) if is_optional(kind) else kind
    )
    listed = option.autocompletion("") if option.autocompletion is not None else get_args(plain)  # type: ignore[call-arg]
    choices = FACES if name == "face" else tuple(listed)
    kind_of: Any = "choice" if choices else KINDS.get(plain)
    if plain == list[str]:
        kind_of, choices = ("keyed files", PLACES) if name in vocabulary().keyed_files else ("keys", ())
    return Field(
        name=name,
        help=option.help or "",
        kind=kind_of,
        has_picture=name == "face",
        default=default,
        initial=default if initial is None else initial,
        choices=choices,
        low=option.min,
        high=option.max,
        shape=str(option.metavar or ""),
    )


def is_optional(kind: Any) -> bool:
    """Whether an option may be left without a value."""
    return type(None) in get_args(kind)
