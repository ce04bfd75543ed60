"""What a batch shows: a bar of its jobs, a table of its failures, one line at its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lipsync_edge.cli.console import lenient_console

if TYPE_CHECKING:
    from lipsync_edge.batch.driver import State
    from lipsync_edge.batch.run import BatchReport

_LONGEST = 100  # characters of an error in the table


@contextmanager
def batch_bar(quiet: bool) -> Iterator[Callable[[State], None]]:
    """Show jobs done, failures, frames a second and time left on stderr; nothing when quiet or not on a terminal."""
    if quiet or sys.stderr is None:
        yield lambda state: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = lenient_console()
    columns = (
        TextColumn("jobs"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("jobs", total=None, said="")

        def watch(state: State) -> None:
            fps = state.frames / max(time.monotonic() - began, 1e-3)
            failed = f", {state.failed} failed" if state.failed else ""
            said = f"{fps:.1f} fps{failed}" if state.frames else "…"
            bar.update(task, completed=len(state.outcomes), total=state.total, said=said)

        yield watch


def failure_table(report: BatchReport) -> str:
    """Return the failures of a batch as lines: row, output, exit code, attempts, error."""
    rows = [("row", "output", "code", "tries", "error")]
    rows += [
        (str(one.row), one.job, str(one.exit_code), str(one.attempts), one.error) for one in report.failures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), _short(row[4])])
        for row in rows
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def summary(report: BatchReport, out: str) -> str:
    """Return in one line how a batch ended."""
    parts = [f"{report.made} of {report.jobs} jobs made"]
    if report.already:
        parts.append(f"{report.already} were already there")
    if report.failures:
        parts.append(f"{len(report.failures)} failed")
    if report.not_begun:
        parts.append(f"{report.not_begun} not begun: {report.stopped}")
    fps, workers = report.frames / max(report.seconds, 1e-9), report.workers
    speed = f"; {report.frames} frames in {report.seconds:.1f} s ({fps:.1f} fps), {workers.workers} worker"
    speed += f"{'s' if workers.workers != 1 else ''} ({workers.why})"
    return f"{out}: {', '.join(parts)}{speed if report.made else ''}"
