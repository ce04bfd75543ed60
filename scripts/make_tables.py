"""Write the tables of the pages out of benchmarks/results/: `make_tables.py [--check]`.

A table stands between `<!-- table NAME -->` and `<!-- end NAME -->`; a test fails when it differs from its rows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from batch_tables import batch_table, faces_table, scale_table, two_faces_table
from export_tables import avx2_table, fitted_table, graph_table, network_table, nncf_table
from kinds_of_rows import tables_by_kind
from live_tables import cost_table, lossy_table, sessions_table, soak_table
from speed_tables import (
    grid,
    picture_table,
    profile_table,
    ratio_table,
    roofline_table,
    start_table,
    threads_table,
)
from summary_tables import SUMMARY, dubbing_table, lips_table, live_table, own_mouth_table, summary_table
from voice_tables import (
    VISEMES,
    articulation_table,
    chain_table,
    closures_table,
    damaged_table,
    visemes_table,
)

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "measurements.md",
    ROOT / "docs" / "training-log.md",
    ROOT / "docs" / "visemes.md",
    ROOT / "benchmarks" / "NOTES.md",
    ROOT / "export" / "README.md",
)
"""Pages that hold tables; each table stands in one of them."""
FIGURES = {
    "lse_d": "LSE-D ↓",
    "lse_c": "LSE-C ↑",
    "ssim_mouth": "SSIM mouth ↑",
    "psnr_mouth": "PSNR mouth ↑",
    "psnr_face": "PSNR face ↑",
    "fid": "FID ↓",
    "tss": "TSS (real)",
    "opening_r": "opening r ↑",
    "source_r": "source r (chance) ↓",
    "opening_amplitude": "amplitude",
    "closures_kept": "closures kept ↑",
    "seam": "seam (1 is none)",
    "flicker": "flicker (real)",
}
WAYS = {
    "self": "own voice",
    "shuffled": "control: own, shuffled",
    "cross": "another's voice",
    "cross_shuffled": "control: another's, shuffled",
    "still": "another's voice, a still",
    "still_shuffled": "control: still, shuffled",
}


def run_table(rows: list[dict[str, Any]]) -> str:
    """Whole runs: decode to encode, start of the process included."""
    body = [
        [
            f"`{row['preset']}`",
            row["size"],
            str(row["frames"]),
            f"{row['fps']:.1f}",
            f"{row['cpu_ms']:.1f}",
            f"{row['peak_mb']:.0f}",
            f"{row['load']:.1f} on {row['cores']} cores",
            row["note"] or "-",
        ]
        for row in rows
    ]
    return grid(
        ["preset", "source", "frames", "fps", "CPU ms a frame", "peak MB", "load before", "note"], body
    )


def quality_table(found: dict[str, Any]) -> str:
    """Table 2: what has no value for lack of a model has a line of its own below."""
    rows = found["rows"]
    have = [name for name in FIGURES if any(name in row.get(way, {}) for row in rows for way in WAYS)]
    body = []
    for row in rows:
        for way, said in WAYS.items():
            if way in row:
                figures = row[way]
                cells = [
                    f"{figures[name]:.2f}{_beside(figures, name)}" if name in figures else "-"
                    for name in have
                ]
                body.append([f"`{row['preset']}`", said, *cells])
    lacking = sorted({FIGURES[m].split()[0] for row in rows for m in row["missing"] if m in FIGURES})
    notes = [f"{len(found['clips'])} clips, {found['seconds']:g} s of each."]
    notes += [f"Missing, because the user's models were not there: {', '.join(lacking)}."] if lacking else []
    notes += [f"Presets without their models: {', '.join(found['absent'])}."] if found["absent"] else []
    made_up = ", ".join(
        f"`{row['preset']}` {row['fps']:.2g} fps" for row in found.get("untrained", []) if "fps" in row
    )
    notes += [f"On untrained numbers, speed and plumbing only: {made_up}."] if made_up else []
    notes += [found["note"]] if found.get("note") else []
    return grid(["preset", "voice", *(FIGURES[name] for name in have)], body) + "\n\n" + " ".join(notes)


def _beside(figures: dict[str, float], name: str) -> str:
    """What a figure is to be held against: the real video's, or for `source_r` what a copied source would score."""
    held = figures.get("chance_r" if name == "source_r" else f"{name}_reference")
    return "" if held is None else f" ({held:.2f})"


def bench_table(found: dict[str, Any]) -> str:
    """What `lipsync-edge bench` measured, and on what."""
    machine = found["machine"]
    body = [
        [
            f"`{row['preset']}`",
            row["device"],
            row["precision"],
            f"{row['fps']:.1f}",
            f"{row['stage_ms']['render']['p50']:.1f} / {row['stage_ms']['render']['p95']:.1f}",
            f"{row['first_frame_s']:.2f}",
            f"{row['rss_mb']:.0f}",
            f"{row['models_mb']:.1f}",
        ]
        for row in found["rows"]
    ]
    headings = [
        "preset",
        "device",
        "precision",
        "fps",
        "render p50 / p95 ms",
        "first frame s",
        "peak MB",
        "models MB",
    ]
    where = f"{machine['processor']}, {machine['cores']} cores ({', '.join(machine['flags'] or ['flags unknown'])})"
    size, frames = found["rows"][0]["size"], found["rows"][0]["frames"]
    return grid(headings, body) + f"\n\n{where}, load {machine['load']} before; {size}, {frames} frames each."


TABLES: dict[str, Callable[[Any], str]] = {
    "run": run_table,
    "bench": bench_table,
    "networks": network_table,
    "fitted": fitted_table,
    "nncf": nncf_table,
    "avx2": avx2_table,
    "export": graph_table,
    "table2": quality_table,
    "ratio": ratio_table,
    "start": start_table,
    "profile": profile_table,
    "picture": picture_table,
    "roofline": roofline_table,
    "threads": threads_table,
    "summary": summary_table,
    "live": live_table,
    "live_cost": cost_table,
    "live_sessions": sessions_table,
    "live_lossy": lossy_table,
    "live_soak": soak_table,
    "batch": batch_table,
    "scale": scale_table,
    "faces": faces_table,
    "two_faces": two_faces_table,
    "dubbing": dubbing_table,
    "own_mouth": own_mouth_table,
    "lips_figures": lips_table,
    "visemes": visemes_table,
    "phones": closures_table,
    "articulation": articulation_table,
    "voice_damaged": damaged_table,
    "voice_chain": chain_table,
}
SOURCES = {"summary": SUMMARY, "visemes": VISEMES}
"""Tables that are made of several files."""
FILES = {
    "live_cost": "live",
    "live_sessions": "live",
    "live_lossy": "live",
    "live_soak": "live",
    "scale": "batch",
}
"""Tables that are made of a part of a file; every other one is made of the file of its own name."""


def filled(text: str, results: Path = RESULTS) -> str:
    """Return a page's text with every marked table made anew."""
    for name, make in TABLES.items():
        begin, end = f"<!-- table {name} -->", f"<!-- end {name} -->"
        if begin not in text:
            continue
        head, rest = text.split(begin, 1)
        if end not in rest:
            raise ValueError(f"{begin} without {end}")
        body = tables_by_kind(
            results,
            SOURCES.get(name, (FILES.get(name, name),)),
            lambda found, n=name, m=make: m(_rows(n, found)),
        )
        text = f"{head}{begin}\n{body}\n{end}{rest.split(end, 1)[1]}"
    return text


def _rows(name: str, found: dict[str, Any]) -> Any:
    """Return what a table is made of: file → rows where it needs several, else the rows."""
    return found if name in SOURCES else found[FILES.get(name, name)]


def main() -> None:
    """Write, or with --check say whether anything would change."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    for page in PAGES:
        old = page.read_text("utf-8")
        new = filled(old)
        if check and new != old:
            sys.exit(
                f"the tables of {page.name} are not those of benchmarks/results: run scripts/make_tables.py"
            )
        if new != old:
            page.write_text(new, "utf-8")


if __name__ == "__main__":
    main()
