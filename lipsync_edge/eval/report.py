"""The evaluation on one page: example faces, curves, figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.eval.evaluate import Evaluation


def table(found: Evaluation) -> str:
    """Return the figures as lines of text, the missing ones with their reason."""
    lines = [f"{name:18} {value:10.4f}" for name, value in found.metrics.items()]
    lines += [f"{name:18}    missing   {why}" for name, why in found.missing.items()]
    return "\n".join(lines)


def draw(found: Evaluation, out: Path, title: str) -> None:
    """Write a one-page picture (.png, .pdf, .svg).

    Raises:
        UsageError: matplotlib is not installed; OutputError: the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            expected="matplotlib for a report", got=str(error), fix="pip install 'lipsync-edge[bench]'"
        ) from error
    figure = Figure(figsize=(11, 8.5), layout="constrained")
    figure.suptitle(title)
    pictures, lines, text = figure.subplots(3, 1, height_ratios=(2, 1.6, 2.4))
    rows = [np.hstack(row)[:, :, ::-1] for row in found.examples_bgr if row]
    width = min((row.shape[1] for row in rows), default=0)
    if rows:
        pictures.imshow(np.vstack([row[:, :width] for row in rows]))
    pictures.set_title("aligned faces: result" + (", reference below" if len(rows) > 1 else ""), fontsize=9)
    pictures.axis("off")
    for name, label in (("opening", "result"), ("speaker_opening", "real speaker")):
        if name in found.curves:
            values = [np.nan if v is None else v for v in found.curves[name]]
            lines.plot([t or 0.0 for t in found.curves["time"]], values, label=label, linewidth=1)
    lines.set(xlabel="seconds", ylabel="mouth opening (area of the crop)")
    lines.legend(loc="upper right", fontsize=8)
    text.axis("off")
    text.text(0.0, 1.0, table(found), family="monospace", fontsize=7, va="top")
    try:
        figure.savefig(out, dpi=110)
    except (OSError, ValueError) as error:
        raise OutputError(
            expected=f"a picture at {out}", got=str(error), fix="use .png, .pdf or .svg"
        ) from error
