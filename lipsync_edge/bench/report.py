"""Benchmarks for people: a table and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lipsync_edge.figures import blank_page, markdown_table, save_page

STAGES = ("decode", "track", "render", "encode")
HEADINGS = (
    "preset",
    "device",
    "precision",
    "fps",
    "× real time",
    *(f"{stage} p50/p95 ms" for stage in STAGES),
    "first frame s",
    "peak MB",
    "models MB",
    "n",
)


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Return a row's text, one a heading."""
    return (
        row["preset"],
        row["device"],
        row["precision"],
        f"{row['fps']:.1f}",
        f"{row['real_time_factor']:.2f}",
        *(_both(row["stage_ms"].get(stage)) for stage in STAGES),
        "-" if row["first_frame_s"] is None else f"{row['first_frame_s']:.2f}",
        "-" if row["rss_mb"] is None else f"{row['rss_mb']:.0f}",
        f"{row['models_mb']:.1f}",
        str(row["frames"]),
    )


def _both(ms: dict[str, float] | None) -> str:
    return "-" if ms is None else f"{ms['p50']:.1f} / {ms['p95']:.1f}"


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table, fastest first within a preset as measured."""
    return markdown_table(HEADINGS, map(cells, rows))


def text(found: dict[str, Any]) -> str:
    """Return what the terminal shows."""
    machine = found["machine"]
    flags = ", ".join(machine["flags"]) if machine["flags"] is not None else "flags unknown"
    table = [HEADINGS, *(cells(row) for row in found["rows"])]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEADINGS))]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores ({flags}), load {machine['load']}, "
        f"threads of a call: {found['threads'] or 'left to the runtime'}, one warm-up run"
    ]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table
    ]
    lines += [f"failed: {one['configuration']}: {one['why']}" for one in found["failed"]]
    lines += [f"not measured, out of time: {name}" for name in found["skipped"]]
    best = found["recommendation"]
    if best:
        lines.append(
            f"recommended: --preset {best['preset']} --device {best['device']} --precision {best['precision']} "
            f"({best['why']})"
        )
    kept = found["kept"]
    lines.append(kept if kept.startswith("kept") else f"not kept for --device auto: {kept}")
    return "\n".join(lines)


FIX = "pip install 'lipsync-edge[bench]'"


def plot(found: dict[str, Any], out: Path) -> None:
    """Write bars of each stage's median time a frame, and the frame rate beside them.

    Raises:
        UsageError: matplotlib is not installed; OutputError: the file cannot be written.
    """
    rows = found["rows"]
    names = [f"{row['preset']} · {row['device']} · {row['precision']} · {row['fps']:.0f} fps" for row in rows]
    stages = ("decode", "track", "cut", "lips", "enhance", "segment", "blend", "encode")
    figure = blank_page(10, 1.5 + 0.5 * len(rows), FIX)
    axes = figure.subplots()
    left = [0.0] * len(rows)
    for stage in stages:
        times = [float(row["mean_ms"].get(stage, 0.0)) for row in rows]
        axes.barh(names, times, left=left, label=stage)
        left = [a + b for a, b in zip(left, times, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("ms a frame, mean (decode, compute and encode overlap)")
    axes.set_title(f"{found['machine']['processor']}, {found['machine']['cores']} cores", fontsize=9)
    figure.legend(loc="outside lower center", ncols=len(stages), fontsize=7)
    save_page(figure, out, 120)
