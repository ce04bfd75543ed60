"""What every command shares: errors to one line and an exit code, results to text or JSON, a progress bar."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from lipsync_edge.atomic_write import replacing
from lipsync_edge.errors import LipsyncError, OutputError, UsageError, told_by_system

INTERRUPTED = 130
TERMINATED = 143


@contextmanager
def reporting(as_json: bool = False) -> Iterator[None]:
    """Turn errors of this package, Ctrl-C and SIGTERM into one line and an exit code.

    Args:
        as_json: print the error as one JSON object on stdout instead of a line on stderr.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except LipsyncError as error:
        report_error(error, as_json)
        raise typer.Exit(error.exit_code) from error
    except OSError as error:  # nobody expected it of this file or folder: one line all the same
        known = told_by_system(error)
        report_error(known, as_json)
        raise typer.Exit(known.exit_code) from error
    except KeyboardInterrupt as error:
        say("lipsync-edge: interrupted, nothing was left behind", to_stderr=True)
        raise typer.Exit(INTERRUPTED) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def report_error(error: LipsyncError, as_json: bool) -> None:
    """Print an error as one line on stderr, or as one JSON object on stdout."""
    if as_json:
        kind = {"type": type(error).__name__, "expected": error.expected, "got": error.got, "fix": error.fix}
        print_json({"error": kind, "exit_code": error.exit_code})
    else:
        say(f"lipsync-edge: {error}", to_stderr=True)


def run_app(app: typer.Typer, arguments: list[str]) -> int:
    """Run the command line and return its exit code; a command that was typed wrongly gives one line, too."""
    mistake = typer.BadParameter.__mro__[
        1
    ]  # typer's class of every wrongly typed command, which it gives no name
    try:
        return int(app(arguments, prog_name="lipsync-edge", standalone_mode=False) or 0)
    except typer.Abort:
        return INTERRUPTED
    except LipsyncError as error:  # of an option, before its command began
        report_error(error, "--json" in arguments)
        return error.exit_code
    except Exception as error:
        if not isinstance(error, mistake):
            raise
        if not arguments or type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]
            return UsageError.exit_code
        words = " ".join(str(error.format_message()).split()).rstrip(".")  # type: ignore[attr-defined]
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "lipsync-edge"
        known = UsageError(expected=f"a command as {command} --help says", got=words[:1].lower() + words[1:])
        report_error(known, "--json" in arguments)
        return known.exit_code


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def plain(value: Any) -> Any:
    """Return a dataclass, path or container as what JSON can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def say(text: str, *, to_stderr: bool = False) -> None:
    """Print a line for people; work that is done does not fail because nobody can read of it.

    Characters that the terminal's encoding lacks are replaced; a pipe that was closed or a full disk is passed over.
    """
    out = sys.stderr if to_stderr else sys.stdout
    try:
        try:
            print(text, file=out, flush=True)
        except UnicodeEncodeError:
            known = out.encoding or "ascii"
            print(text.encode(known, "replace").decode(known), file=out, flush=True)
    except OSError:
        with suppress(OSError, ValueError):  # else Python would try once more at its end, and fail
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def print_json(value: Any, indent: int | None = None) -> None:
    """Print a result as one JSON object on stdout, in ASCII, which every terminal and any file name survives."""
    say(json.dumps(plain(value), indent=indent))


def write_json(path: Path, value: Any) -> None:
    """Write a result as a JSON file; OutputError when it cannot be written there."""
    try:
        with replacing(path) as beside:
            beside.write_text(json.dumps(plain(value), indent=1) + "\n", "utf-8")
    except OSError as error:
        raise OutputError(expected=f"a file at {path}", got=error.strerror or str(error)) from error


@contextmanager
def progress_bar(title: str, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """Show frames done, frames a second and time left on stderr; nothing when quiet or not on a terminal."""
    if quiet:
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Speed(ProgressColumn):
        """Frames a second."""

        def render(self, task: Task) -> Text:
            """Return the speed as text."""
            return Text(f"{task.speed:.1f} fps" if task.speed else "… fps")

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
