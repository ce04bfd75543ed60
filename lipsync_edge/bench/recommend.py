"""Judgement of a benchmark's rows: a recommendation, and ratios to an older benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lipsync_edge.errors import InputError, LipsyncError
from lipsync_edge.json_reader import parse_json

QUALITY = ("hq", "lite")  # best first; presets of the user's own models are never recommended unasked
ENOUGH = 1.25  # real-time factor that leaves room for other work


def recommend(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return preset, device, precision and why: the best preset that is fast enough, else the fastest of all.

    A preset counts by its fastest configuration.
    """
    best = {
        preset: max(of_it, key=lambda row: row["fps"])
        for preset in QUALITY
        if (of_it := [row for row in rows if row["preset"] == preset])
    }
    if not best:
        return None
    enough = [row for row in best.values() if row["real_time_factor"] >= ENOUGH]
    row = enough[0] if enough else max(best.values(), key=lambda one: one["fps"])
    why = (
        "best preset that leaves room in real time"
        if enough
        else "fastest; nothing here is well within real time"
    )
    chosen = {name: row[name] for name in ("preset", "precision", "fps", "real_time_factor")}
    return chosen | {"device": row.get("asked_device", row["device"]), "why": why}


def ratios(rows: list[dict[str, Any]], baseline: Path) -> dict[str, float]:
    """Return new fps over old, for each configuration that both benchmarks have.

    Raises:
        InputError: the baseline is no JSON of a benchmark, or has no configuration in common.
    """
    try:
        old = {_name(row): float(row["fps"]) for row in parse_json(baseline.read_text("utf-8"))["rows"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            expected=f"a benchmark's JSON at {baseline}", got=f"{type(error).__name__}: {error}"
        ) from error
    both = {_name(row): row["fps"] / old[_name(row)] for row in rows if old.get(_name(row))}
    if not both:
        raise InputError(
            expected=f"a configuration of {baseline.name} that was measured now, too", got="none"
        )
    return both


def refuse_slower(ratios: dict[str, float], margin: float) -> None:
    """Raise LipsyncError when a configuration lost more than `margin`, 0 to 1, of the baseline's frame rate."""
    slow = [f"{name} {ratio:.2f}" for name, ratio in ratios.items() if ratio < 1 - margin]
    if slow:
        raise LipsyncError(expected=f"at least {1 - margin:.2f} × the baseline's fps", got=", ".join(slow))


def _name(row: dict[str, Any]) -> str:
    return f"{row['preset']} {row['device']} {row['precision']}"
