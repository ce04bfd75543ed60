"""The commands `mark …`: translation only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipsync_edge.cli.console import print_json, reporting, say
from lipsync_edge.cli.options import Json

if TYPE_CHECKING:
    from lipsync_edge.mark.check import MarkCheck
    from lipsync_edge.mark.layer import Layer

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

        found = check_marks(file, trust)
        if as_json:
            print_json(found.plain())
        else:
            say(report(found))
    raise typer.Exit(0 if found.marked else NOT_MARKED)


def report(found: MarkCheck) -> str:
    """Return what was found as lines of text."""
    if found.marked:
        verdict = "marked as made with AI"
    elif found.layers:
        verdict = "marks that do not hold" if not found.intact else "marked, but not as made with AI"
    else:
        verdict = "no mark"
    lines = [f"{found.file}: {verdict}"]
    for layer in found.layers:
        lines += _lines(layer)
    return "\n".join([*lines, *(f"  {note}" for note in found.notes)])


def _lines(layer: Layer) -> list[str]:
    kinds = ", ".join(kind.rsplit("/", 1)[-1] for kind in layer.source_types)
    if layer.kind == "metadata":
        return [f"  metadata: {kinds}" + (f" by {layer.by}" if layer.by else "")]
    whom = f"{layer.signer or 'nobody who is named'}" + (" (this machine's own)" if layer.signed_here else "")
    trusted = {
        "trusted": "trusted",
        "valid": "whole, but trusted by no list given",
        "invalid": "does not hold",
    }
    lines = [f"  C2PA: {trusted[layer.state]}; signed by {whom}; made by {layer.by or 'nobody who is named'}"]
    for one in layer.actions:
        about = ", ".join(part for part in (one["by"], one["when"], one["description"]) if part)
        lines.append(f"    {one['action']}" + (f": {about}" if about else ""))
    if layer.segments:
        parts = ", ".join(f"{start:.2f}-{end:.2f}" for start, end in layer.segments[:8])
        more = f" and {len(layer.segments) - 8} more" if len(layer.segments) > 8 else ""
        lines.append(f"    changed at seconds {parts}{more}")
    for item in layer.ingredients:
        own = ", with a manifest of its own" if item["manifest"] else ""
        lines.append(f"    made of {item['title'] or 'a file'} ({item['role']}{own})")
    lines += [f"    {problem}" for problem in layer.problems]
    return lines
