"""The page of the command line, made of the Typer application itself."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from docs_tables import grid

from lipsync_edge.toml_reader import read_toml

PROGRAM = "lipsync-edge"

INTRODUCTION = """# Command line

This page is made of the program at build time; `lipsync-edge COMMAND --help` says the same.

A command ends with one of these exit codes. An error is one line on stderr: what was expected, what was got, what to
do.
With `--json`, the result or the error is one JSON object on stdout.

<!-- generated: exit_codes -->
"""


def cli_page(root: Path) -> str:
    """Return the page of the application that `pyproject.toml` names as the script."""
    scripts = read_toml(root / "pyproject.toml")["project"]["scripts"]
    application = import_module(scripts[PROGRAM].split(":")[0]).app
    root_command = typer.main.get_command(application)
    context = root_command.make_context(PROGRAM, [], resilient_parsing=True)
    parts = [INTRODUCTION]
    for name, command in sorted(root_command.commands.items()):  # type: ignore[attr-defined]
        parts += _command(name, command, context, level=2)
    return "\n".join(parts)


def _command(name: str, command: Any, parent: Any, level: int) -> list[str]:
    """Heading, purpose, usage and parameters of one command, and of the commands below it."""
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    usage = " ".join(context.command_path.split() + command.collect_usage_pieces(context))
    usage = usage.replace("{", "").replace("}", "")
    parts = [f"{'#' * level} {name}\n", (command.help or "").strip() + "\n"]
    children = sorted(getattr(command, "commands", {}).items())
    if not children:
        parts += [f"```text\n{usage}\n```\n", _parameters(command, context)]
    for child_name, child in children:
        parts += _command(child_name, child, context, level + 1)
    return parts


def _parameters(command: Any, context: Any) -> str:
    """A table of the arguments and options, as the help shows them."""
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [[f"`{what}`", _cell(said)] for what, said in filter(None, records)]
    return grid(["option", "meaning"], rows) + "\n" if rows else ""


def _cell(text: str) -> str:
    """Text that a table can hold: what stands in brackets at the end becomes small."""
    text = " ".join(text.split())
    head, bracket, tail = text.partition("  [") if "  [" in text else text.rpartition(" [")
    return f"{head} <small>[{tail}</small>" if bracket else text
