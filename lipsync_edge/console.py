"""What every command shares: errors to one line and an exit code, results to text or JSON, a progress bar."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from lipsync_edge.errors import LipsyncError

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
        if as_json:
            kind = {
                "type": type(error).__name__,
                "expected": error.expected,
                "got": error.got,
                "fix": error.fix,
            }
            print(json.dumps({"error": kind, "exit_code": error.exit_code}, ensure_ascii=False))
        else:
            print(f"lipsync-edge: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt as error:
        print("lipsync-edge: interrupted, nothing was left behind", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from error
    finally:
        signal.signal(signal.SIGTERM, before)


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


def print_json(value: Any) -> None:
    """Print a result as one JSON object on stdout."""
    print(json.dumps(plain(value), ensure_ascii=False))


@contextmanager
def progress_bar(title: str, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """Show frames done, frames a second and time left on stderr; nothing when quiet or not on a terminal."""
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
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
