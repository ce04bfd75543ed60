"""Tables of the page that runs in browsers: how near it is to the package, how large, how fast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from speed_tables import grid


def browser_tables(root: Path) -> str:
    """What `npm run test:browser` found in headless Chromium."""
    found: dict[str, Any] = json.loads((root / "benchmarks" / "results" / "browser.json").read_text())
    return "\n\n".join([_parity(found), _speed(found), _size(found)])


def _parity(found: dict[str, Any]) -> str:
    lines = [
        [
            "mel",
            f"{found['mel_tolerance']:g} at most",
            f"{found['mel_most']:.0e}" if found["mel_most"] else "none",
        ]
    ]
    for known, what in ((True, "at the package's five points"), (False, "found by the page")):
        rows = [row for row in found["rows"] if row["known"] is known]
        most, mean = max(row["most"] for row in rows), max(row["mean"] for row in rows)
        tolerated = f"{found['most_tolerated']} at most"
        lines.append(
            [f"frames, grey levels; face {what}", tolerated, f"{most} at most, {mean:.3f} in the mean"]
        )
    return grid(["differences from the package", "tolerated", "found"], lines)


def _speed(found: dict[str, Any]) -> str:
    lines = [
        [
            row["size"].replace("x", "×"),
            row["face"].replace("x", "×"),
            f"{row['fps']:.1f}",
            f"{row['ms']:.0f}",
            f"{row['cpu_ms']:.0f}",
            str(row["threads"]),
        ]
        for row in found["rows"]
        if row["known"]
    ]
    table = grid(
        ["photo", "part made anew", "frames a second", "ms a frame", "CPU ms a frame", "threads"], lines
    )
    where = (
        f"{found['chromium']}, headless, {found['cores']} cores of an {found['cpu']}, load {found['load']}"
    )
    return f"{table}\n\n{where}."


def _size(found: dict[str, Any]) -> str:
    names = ("bytes_runtime", "bytes_networks", "bytes", "bytes_gzip")
    heads = ["runtime, packed", "networks", "whole page", "whole page, gzip"]
    return grid(heads, [[f"{found[name] / 1e6:.2f} MB" for name in names]])
