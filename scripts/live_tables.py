"""Tables of what viewers of live sessions cost, and of how many sessions a machine holds."""

from __future__ import annotations

from typing import Any

from speed_tables import grid

Row = dict[str, Any]


def cost_table(rows: list[Row]) -> str:
    """What a viewer's frame costs, whole pictures every time beside only what changes."""
    body = [
        [
            row["size"].replace("x", "×"),
            f"{row['idle_whole_ms']:.1f}",
            f"**{row['idle_kept_ms']:.1f}**",
            f"{row['speaking_whole_ms']:.1f}",
            f"**{row['speaking_kept_ms']:.1f}**",
            f"{row['kept_mb']:.0f} ({row['frames'] / row['fps']:.0f} s)",
            f"{row['load']:.1f}",
        ]
        for row in rows
        if row.get("measured") == "cost"
    ]
    headings = ["size", "idle, whole", "idle", "speaking, whole", "speaking", "kept MB (avatar)", "load"]
    return grid(headings, body) if body else "Not measured yet."


def sessions_table(rows: list[Row]) -> str:
    """How many sessions are held, and what one step more loses."""
    body = [
        [
            row["state"],
            f"**{row['sessions']}**",
            f"{row['cpu_ms_per_slot']:.1f}",
            f"{row['busy_cores']:.1f} of {row['cores']}",
            f"{row['mbit_s_each']:.0f}",
            "-" if not row["one_step_more"] else f"{row['one_step_more']['lost']:.1%}",
            f"{row['load']:.1f}",
        ]
        for row in rows
        if row.get("measured") == "sessions"
    ]
    headings = [
        "state",
        "sessions",
        "CPU ms a picture",
        "cores busy",
        "Mbit/s each",
        "a few more lose",
        "load",
    ]
    return grid(headings, body) if body else "Not measured yet."
