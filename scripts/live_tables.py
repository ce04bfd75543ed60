"""Tables of live sessions: what viewers cost, how many a machine holds, what a browser gets, what hours leave."""

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
            _webrtc(row, "webrtc_live"),
            _webrtc(row, "webrtc"),
            f"{row['kept_mb']:.0f} ({row['frames'] / row['fps']:.0f} s)",
            f"{row['loop_mb']:.1f}" if "loop_mb" in row else "-",
            f"{row['load']:.1f}",
        ]
        for row in rows
        if row.get("measured") == "cost"
    ]
    headings = [
        "size",
        "idle, whole",
        "idle",
        "speaking, whole",
        "speaking",
        "WebRTC, idle / speaking, no loop",
        "WebRTC, idle / speaking",
        "kept MB (avatar)",
        "encoded loop MB",
        "load",
    ]
    return grid(headings, body) if body else "Not measured yet."


def _webrtc(row: Row, way: str) -> str:
    if f"idle_{way}_ms" not in row:
        return "-"
    return f"{row[f'idle_{way}_ms']:.1f} / {row[f'speaking_{way}_ms']:.1f}"


def lossy_table(rows: list[Row]) -> str:
    """What a browser gets by WebRTC over good and bad networks."""
    body = [
        [
            row["link"],
            f"{row['shown']} of {row['made']}",
            f"{row['freezes']} ({row['frozen_s']:.1f} s)",
            f"{row['packets_lost']} of {row['packets']}",
            f"{row['sound_made_up']:.1%}",
            f"{row['skew_p50_ms']:.0f}",
            f"{row['encoder_kbit'][0]} → {row['encoder_kbit'][-1]}",
            f"{row['load']:.1f}",
        ]
        for row in rows
        if row.get("measured") == "lossy"
    ]
    headings = [
        "network",
        "pictures shown, of those made",
        "freezes",
        "packets lost",
        "sound made up",
        "skew ms",
        "encoder kbit/s",
        "load",
    ]
    return grid(headings, body) if body else "Not measured yet."


def soak_table(rows: list[Row]) -> str:
    """What hours of viewers that come and go leave behind."""
    counted = ("tasks", "threads", "file_descriptors", "sockets")
    body = [
        [
            f"{row['hours']:g} ({row['factor']:g} times as fast)",
            str(row["viewers"]),
            str(row["sessions"]),
            f"{row['memory_mb'][0]:.0f} → {row['memory_mb'][1]:.0f}",
            f"{row['memory_slope_mb_per_hour']:.1f}",
            ", ".join(str(row["before"][name]) for name in counted),
            ", ".join(str(row["after"][name]) for name in counted),
            f"{row['load']:.1f}",
        ]
        for row in rows
        if row.get("measured") == "soak"
    ]
    headings = [
        "hours",
        "viewers",
        "sessions opened",
        "MB after a fifth → at the end",
        "MB an hour",
        "tasks, threads, files, sockets before",
        "after",
        "load",
    ]
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
