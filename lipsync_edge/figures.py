"""Figures for people: percentiles of times, and Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


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


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
