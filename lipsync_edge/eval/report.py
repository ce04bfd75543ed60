"""The evaluation on one page: example faces, curves, figures, what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lipsync_edge.atomic_write import replacing
from lipsync_edge.errors import OutputError
from lipsync_edge.eval.definitions import DEFINITIONS
from lipsync_edge.eval.evaluate import Evaluation
from lipsync_edge.eval.examples import Example
from lipsync_edge.eval.marking import StillMark, pdf_words
from lipsync_edge.eval.page import CURVES, page, value_text
from lipsync_edge.figures import blank_page, save_page
from lipsync_edge.mark.apply import MarkReport
from lipsync_edge.types import U8

HTML = (".html", ".htm")
FIX = "pip install 'lipsync-edge[eval]', or take --report page.html, which needs none"


def table(found: Evaluation) -> str:
    """Return the figures as lines of text, the missing ones with their reason."""
    lines = [f"{name:18} {value:10.4f}" for name, value in found.metrics.items()]
    lines += [f"{name:18}    missing   {why}" for name, why in found.missing.items()]
    return "\n".join(lines)


def report(found: Evaluation, out: Path, title: str, mark: StillMark | None = None) -> MarkReport:
    """Write the page: self-contained HTML (.html), or a picture (.png, .pdf, .svg), which needs matplotlib.

    Args:
        found: what was found.
        out: its name.
        title: what was judged.
        mark: how its pictures are marked as made with AI; None: they are not.

    Raises:
        UsageError: matplotlib is not installed; OutputError: the file cannot be written.
    """
    if out.suffix.lower() not in HTML:
        draw(found, out, title, mark)
    else:
        try:
            with replacing(out) as beside:
                beside.write_text(page(found, title, mark), "utf-8")
        except OSError as error:
            raise OutputError(expected=f"a page at {out}", got=str(error)) from error
    return MarkReport() if mark is None else mark.finish(out)


def draw(found: Evaluation, out: Path, title: str, mark: StillMark | None = None) -> None:
    """Write a one-page picture (.png, .pdf, .svg).

    Raises:
        UsageError: matplotlib is not installed; OutputError: the file cannot be written.
    """
    lines = len(found.metrics) + len(found.missing) + 1
    figure = blank_page(11, 6.5 + 0.21 * lines, FIX)
    figure.suptitle(title)
    pictures, curves, text = figure.subplots(3, 1, height_ratios=(3.2, 2.2, 0.21 * lines))
    if found.examples:
        pictures.imshow(np.hstack([_column(one) for one in found.examples])[:, :, ::-1])
    real = any(one.real_bgr is not None for one in found.examples)
    pictures.set_title("result" + ("; reference; difference at the mouth, × 4" if real else ""), fontsize=9)
    pictures.axis("off")
    _draw_curves(curves, found)
    _draw_figures(text, found)
    save_page(figure, out, 110, pdf_words(mark))


def _column(one: Example) -> U8:
    """One moment from top to bottom, uint8 (H, 256, 3)."""
    side = one.made_bgr.shape[1]
    shown = [picture for picture in (one.made_bgr, one.real_bgr, one.difference_bgr) if picture is not None]
    sized = [
        cv2.resize(picture, (side, round(side * picture.shape[0] / picture.shape[1]))) for picture in shown
    ]
    return np.asarray(np.vstack(sized), np.uint8)


def _draw_curves(axes: Any, found: Evaluation) -> None:
    for name, (said, color) in CURVES.items():
        if name in found.curves:
            values = [np.nan if v is None else v for v in found.curves[name]]
            axes.plot(
                [t or 0.0 for t in found.curves["time"]], values, label=said, color=color, linewidth=1.2
            )
    axes.set(xlabel="seconds", ylabel="mouth opening (part of the face)")
    axes.legend(loc="upper right", fontsize=8)


def _draw_figures(axes: Any, found: Evaluation) -> None:
    axes.axis("off")
    rows = [
        (DEFINITIONS[name].label, value_text(value), DEFINITIONS[name].meaning)
        for name, value in found.metrics.items()
    ]
    rows += [(DEFINITIONS[name].label, "missing", why) for name, why in found.missing.items()]
    for at, cells in enumerate(rows):
        y = 1 - (at + 0.5) / max(len(rows), 1)
        for x, cell, side in zip((0.0, 0.235, 0.25), cells, ("left", "right", "left"), strict=True):
            axes.text(x, y, cell, fontsize=7.5, ha=side, va="center", transform=axes.transAxes)
