"""The commands `mark …`: translation only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lipsync_edge.cli.console import print_json, reporting, say
from lipsync_edge.cli.options import Json

mark_app = typer.Typer(help="Marks of files made with AI.", no_args_is_help=True)
NOT_MARKED = 1  # exit code


@mark_app.callback()
def marks() -> None:
    """Marks of files made with AI."""


@mark_app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A video, a picture or a sound of anybody.")],
    trust: Annotated[
        Path | None, typer.Option(help="PEM file of the roots that you trust; nobody is without it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which marks a file has, whether they hold, who made them; exit code 0: marked as made with AI, 1: not."""
    with reporting(as_json):
        from lipsync_edge.mark.check import check_marks
        from lipsync_edge.mark.words import report

        found = check_marks(file, trust)
        if as_json:
            print_json(found.plain())
        else:
            say(report(found))
    raise typer.Exit(0 if found.marked else NOT_MARKED)
