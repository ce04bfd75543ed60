"""The evaluation as one HTML file that needs nothing else: no script, no network, no matplotlib."""

from __future__ import annotations

import base64
from html import escape

import cv2
import numpy as np

from lipsync_edge.eval.definitions import DEFINITIONS
from lipsync_edge.eval.evaluate import Evaluation
from lipsync_edge.eval.marking import StillMark
from lipsync_edge.types import U8

WIDTH, HEIGHT, LEFT, BOTTOM = 960, 240, 56, 28
CURVES = {
    "opening": ("result", "#c2410c"),
    "speaker_opening": ("real speaker", "#1d4ed8"),
    "source_opening": ("the source's own mouth", "#9ca3af"),
}
STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1f2937; background: #fff; max-width: 1000px; margin: 24px auto;
  padding: 0 20px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 26px 0 8px; }
p { margin: 4px 0; color: #4b5563; }
.faces { display: grid; gap: 6px; align-items: center; }
.faces img { width: 100%; display: block; border-radius: 4px; }
.faces span { font-size: 12px; color: #6b7280; text-align: center; }
.faces .row { text-align: right; padding-right: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
td, th { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid #e5e7eb; vertical-align: top; }
td.value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; font-weight: 600; }
td.name { white-space: nowrap; } svg { width: 100%; height: auto; display: block; }
"""


def page(found: Evaluation, title: str, mark: StillMark | None = None) -> str:
    """Return the page: example frames, openings over time, every figure with its definition, what is missing and why.

    Args:
        found: of `lipsync_edge.eval.evaluate.evaluate`.
        title: what was judged, any text.
        mark: how the page and its pictures of the result are marked; None: they are not.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{found.frames} frames, {found.frames_without_face} of them without a face.</p>",
        "<h2>Example frames</h2>",
        _faces(found, mark),
        "<h2>Mouth opening over time</h2>",
        "<p>Area of the mouth's inside over the area of the aligned face, read by the bundled segmenter.</p>",
        _curves(found),
        "<h2>Figures</h2>",
        _figures(found),
        "<h2>Missing</h2>",
        _missing(found),
    ]
    about = "" if mark is None else mark.head()
    head = f'<meta charset="utf-8">{about}<title>{escape(title)}</title><style>{STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def value_text(value: float) -> str:
    """Return a figure for people: four digits behind the point at most, ∞ for an endless one."""
    if not np.isfinite(value):
        return "∞"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}"


def _image(image_bgr: U8, said: str, mark: StillMark | None) -> str:
    done, data = cv2.imencode(".png", image_bgr)
    assert done, "PNG of a small picture"
    png = data.tobytes() if mark is None else mark.png(data.tobytes())
    code = base64.b64encode(png).decode("ascii")
    return f'<img alt="{escape(said)}" src="data:image/png;base64,{code}">'


def _faces(found: Evaluation, mark: StillMark | None) -> str:
    if not found.examples:
        return "<p>No frame shows a face.</p>"
    rows: dict[str, list[U8 | None]] = {
        "result": [one.made_bgr for one in found.examples],
        "reference": [one.real_bgr for one in found.examples],
        "difference at the mouth,\u00a0×4": [one.difference_bgr for one in found.examples],
    }
    cells = ["<span></span>", *(f"<span>{one.time:.2f} s</span>" for one in found.examples)]
    for said, pictures in rows.items():
        shown = [picture for picture in pictures if picture is not None]
        if shown:
            cells.append(f'<span class="row">{said}</span>')
            cells += [_image(picture, said, mark if said != "reference" else None) for picture in shown]
    columns = f"grid-template-columns: 96px repeat({len(found.examples)}, 1fr)"
    return f'<div class="faces" style="{columns}">{"".join(cells)}</div>'


def _curves(found: Evaluation) -> str:
    times = [t or 0.0 for t in found.curves.get("time", [])]
    drawn = [
        (said, color, found.curves[name]) for name, (said, color) in CURVES.items() if name in found.curves
    ]
    known = [v for _, _, values in drawn for v in values if v is not None]
    if len(times) < 2 or not known:
        return "<p>No opening could be read.</p>"
    top = 1.05 * max(known) or 1.0
    x_of = LEFT + (np.array(times) - times[0]) / max(times[-1] - times[0], 1e-9) * (WIDTH - LEFT - 10)
    parts = [_axes(times, top)]
    for at, (said, color, values) in enumerate(drawn):
        parts += [
            f'<polyline points="{piece}" fill="none" stroke="{color}" stroke-width="1.8"/>'
            for piece in _pieces(x_of.tolist(), values, top)
        ]
        parts.append(
            f'<text x="{LEFT + 12 + 190 * at}" y="16" font-size="13" fill="{color}">{escape(said)}</text>'
        )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="mouth opening">{"".join(parts)}</svg>'


def _pieces(x_of: list[float], values: list[float | None], top: float) -> list[str]:
    """Points of a curve; it breaks where a frame has no value."""
    pieces: list[list[str]] = [[]]
    for x, value in zip(x_of, values, strict=False):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{x:.1f},{HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - 24):.1f}")
    return [" ".join(piece) for piece in pieces if len(piece) > 1]


def _axes(times: list[float], top: float) -> str:
    base, grey = HEIGHT - BOTTOM, 'font-size="11" fill="#6b7280"'
    lines = [f'<path d="M{LEFT} 24V{base}H{WIDTH - 10}" fill="none" stroke="#9ca3af"/>']
    for part in (0.0, 0.5, 1.0):
        y, x = base - part * (base - 24), LEFT + part * (WIDTH - LEFT - 10)
        second = times[0] + part * (times[-1] - times[0])
        anchor = "end" if part == 1 else "middle"
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" {grey}>{part * top:.3f}</text>')
        lines.append(f'<text x="{x:.1f}" y="{base + 16}" text-anchor="{anchor}" {grey}>{second:.2f} s</text>')
    return "".join(lines)


def _figures(found: Evaluation) -> str:
    rows = [
        f'<tr><td class="name">{escape(DEFINITIONS[name].label)}</td><td class="value">{value_text(value)}</td>'
        f"<td>{escape(DEFINITIONS[name].meaning)}</td></tr>"
        for name, value in found.metrics.items()
    ]
    return f"<table><tr><th>figure</th><th>value</th><th>definition</th></tr>{''.join(rows)}</table>"


def _missing(found: Evaluation) -> str:
    if not found.missing:
        return "<p>Nothing: every figure could be taken.</p>"
    rows = [
        f'<tr><td class="name">{escape(DEFINITIONS[name].label)}</td><td>{escape(why)}</td></tr>'
        for name, why in found.missing.items()
    ]
    return f"<table><tr><th>figure</th><th>why it is missing</th></tr>{''.join(rows)}</table>"
