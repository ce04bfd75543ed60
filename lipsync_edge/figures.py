"""Figures for people: percentiles of times, Markdown tables, and pages that matplotlib draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lipsync_edge.atomic_write import replacing
from lipsync_edge.errors import OutputError, UsageError


def percentiles(times: Sequence[float], points: Sequence[int] = (50, 95)) -> dict[str, float]:
    """Return "p50", "p95" (or of other points, in percent) and "n" of some times, in their own unit, 3 decimals.

    Raises:
        ValueError: there are no times.
    """
    if not len(times):
        raise ValueError("percentiles of no times")
    values = np.percentile(np.asarray(times, np.float64), list(points))
    return {f"p{point}": round(float(v), 3) for point, v in zip(points, values, strict=True)} | {
        "n": len(times)
    }


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Return a Markdown table without a last newline; a "|" inside of a cell is escaped.

    Args:
        headings: one a column.
        rows: as many cells as headings each.
        right: indices of the columns that are aligned to the right.
    """
    flush = set(right)
    rule = ["--:" if i in flush else "---" for i in range(len(headings))]
    lines = [f"|{'|'.join(rule)}|"]
    lines += [_line(row) for row in rows]
    return "\n".join([_line(headings), *lines])


PAGES = (".png", ".pdf", ".svg")


def check_page(out: Path, fix: str, others: Sequence[str] = ()) -> None:
    """Refuse a name for a page before there is anything to draw.

    Args:
        out: its name.
        fix: how matplotlib is installed.
        others: extensions of what is written without it.

    Raises:
        UsageError: an extension of no page, or matplotlib is not installed.
    """
    kind = out.suffix.lower()
    if kind not in (*others, *PAGES):
        raise UsageError(expected=f"a name ending in {', '.join((*others, *PAGES))}", got=out.name)
    if kind in PAGES:
        blank_page(1, 1, fix)


def blank_page(width: float, height: float, fix: str) -> Any:
    """Return an empty matplotlib figure of so many inches; UsageError with `fix` where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(expected="matplotlib for a picture", got=str(error), fix=fix) from error
    return Figure(figsize=(width, height), layout="constrained")


def save_page(page: Any, out: Path, dpi: int, words: Mapping[str, str] | None = None) -> None:
    """Write a figure; the extension of `out` says the kind of file, `words` go into a PDF's own description.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with replacing(out) as beside:
            page.savefig(beside, dpi=dpi, metadata=words if words and out.suffix.lower() == ".pdf" else None)
    except (OSError, ValueError) as error:
        raise OutputError(
            expected=f"a picture at {out}", got=str(error), fix="use .png, .pdf or .svg"
        ) from error


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
