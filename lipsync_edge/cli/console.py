"""What every command shares: errors to one line and an exit code, results to text or JSON, a progress bar."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from math import isfinite
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO

import typer

from lipsync_edge.atomic_write import replacing
from lipsync_edge.cli.signals import stopping_once
from lipsync_edge.errors import InputError, LipsyncError, OutputError, UsageError, told_by_system

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130


@contextmanager
def reporting(as_json: bool = False) -> Iterator[None]:
    """Turn errors of this package, Ctrl-C and SIGTERM into one line and an exit code.

    Args:
        as_json: print the error as one JSON object on stdout instead of a line on stderr.
    """
    try:
        with stopping_once():
            yield
    except LipsyncError as error:
        report_error(error, as_json)
        raise typer.Exit(error.exit_code) from error
    except MemoryError as error:
        short = LipsyncError(
            expected="enough memory",
            got=str(error) or "none that is free",
            fix="close other programs, or use a smaller picture",
        )
        report_error(short, as_json)
        raise typer.Exit(short.exit_code) from error
    except OSError as error:  # nobody expected it of this file or folder: one line all the same
        known = told_by_system(error)
        report_error(known, as_json)
        raise typer.Exit(known.exit_code) from error
    except KeyboardInterrupt as error:
        say("lipsync-edge: interrupted, nothing was left behind", to_stderr=True)
        raise typer.Exit(INTERRUPTED) from error


def report_error(error: LipsyncError, as_json: bool) -> None:
    """Print an error as one line on stderr, or as one JSON object on stdout."""
    if as_json:
        kind = {"type": type(error).__name__, "expected": error.expected, "got": error.got, "fix": error.fix}
        print_json({"error": kind, "exit_code": error.exit_code})
    else:
        say(f"lipsync-edge: {error}", to_stderr=True)


def finite(command: Any) -> Any:
    """Have a command, and those below it, refuse "nan" and "inf" for every number; returns it."""
    for parameter in command.params:
        if parameter.callback is None:
            parameter.callback = _finite
    for below in getattr(command, "commands", {}).values():
        finite(below)
    return command


def _finite(context: Any, parameter: Any, value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        raise typer.BadParameter(f"{value} is no number")
    return value


def run_app(app: typer.Typer, arguments: list[str]) -> int:
    """Run the command line and return its exit code; a command that was typed wrongly gives one line, too."""
    # typer's class of every wrongly typed command, which it gives no name
    mistake = typer.BadParameter.__mro__[1]
    try:
        command = finite(typer.main.get_command(app))
        return int(command(arguments, prog_name="lipsync-edge", standalone_mode=False) or 0)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except OSError:  # help that nobody can read: a full disk, a closed pipe
        for out in (sys.stdout, sys.stderr):
            hush(out)
        return 0
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


def open_missing_streams() -> None:
    """Give stdin, stdout and stderr that were closed a device: else the next file that is opened takes their place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def pipes(audio: str, out: str) -> tuple[IO[bytes], IO[bytes]]:
    """Return stdin and stdout as they are for `live`, which reads the one or writes the other where it is told "-".

    Raises:
        InputError, OutputError: the one that is needed was closed before the program began.
    """
    if audio == "-" and sys.stdin is None:
        raise InputError(expected="sound on stdin", got="a closed stdin", fix="give a file to --audio")
    if out == "-" and sys.stdout is None:
        raise OutputError(expected="a reader on stdout", got="a closed stdout", fix="give a file to --out")
    return tuple(io.BytesIO() if one is None else one.buffer for one in (sys.stdin, sys.stdout))  # type: ignore[return-value]


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
    if out is None:  # closed before the program began
        return
    try:
        print(printable(text, out), file=out, flush=True)
    except (OSError, ValueError):
        hush(out)


def printable(text: str, out: TextIO) -> str:
    """Replace the characters that a stream's encoding lacks."""
    known = out.encoding or "ascii"
    return text.encode(known, "replace").decode(known)


def hush(out: TextIO) -> None:
    """Send what is still to be printed nowhere: else Python would try once more at its end, and fail."""
    with suppress(OSError, ValueError):
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


class _Lenient:
    """A stream for a progress bar: what cannot be written is passed over."""

    def __init__(self, out: TextIO) -> None:
        self._out = out  # kept: a bar puts itself in the place of sys.stderr
        self.encoding = out.encoding or "ascii"

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            return self._out.write(printable(text, self._out))
        except (OSError, ValueError):
            hush(self._out)
            return len(text)

    def flush(self) -> None:
        """Flush, if that can be done."""
        try:
            self._out.flush()
        except (OSError, ValueError):
            hush(self._out)

    def fileno(self) -> int:
        """Return the stream's own."""
        return self._out.fileno()

    def isatty(self) -> bool:
        """Whether somebody looks at it."""
        return self._out.isatty()


def lenient_console() -> Console:
    """Return a console on stderr for progress bars; what cannot be written is passed over."""
    from rich.console import Console

    assert sys.stderr is not None, "it was closed before the program began"
    return Console(file=_Lenient(sys.stderr))  # type: ignore[arg-type]


@contextmanager
def progress_bar(title: str, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """Show frames done, frames a second and time left on stderr; nothing when quiet or not on a terminal."""
    if quiet or sys.stderr is None:
        yield lambda done, total: None
        return
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

    console = lenient_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
