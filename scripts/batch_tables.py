"""Tables of batches: against a shell loop, on Ray, on more nodes, and what the second face of a film costs."""

from __future__ import annotations

from typing import Any

from speed_tables import grid

Row = dict[str, Any]

JOBS = 1000  # of the batch on paper
NODES = (1, 2, 4, 16, 64)


def batch_table(rows: list[Row]) -> str:
    """Jobs a minute of each way, and what batch gains and Ray costs."""
    found = [row for row in rows if row.get("what") == "ways"]
    body = [
        [
            f"{row['jobs']} of {row['seconds']:g} s, {row['face']}",
            *(_minute(row, way) for way in ("loop", "batch", "ray")),
            f"**{row['ratio']:.2f} ×**",
            f"{row['ray_overhead']:.1%}" if "ray_overhead" in row else "-",
            str(row["workers"]),
            f"{row['load']:.1f} on {row['machine']['cores']} cores",
        ]
        for row in found
    ]
    headings = [
        "jobs",
        "loop over `run`",
        "`batch`",
        "`batch --ray`",
        "gain",
        "Ray costs",
        "workers",
        "load before",
    ]
    notes = dict.fromkeys(row["note"] for row in found if row.get("note"))
    return _told(headings, body, notes)


def _minute(row: Row, way: str) -> str:
    return f"{row['jobs_a_minute'][way]:.1f}" if way in row["jobs_a_minute"] else "-"


def scale_table(rows: list[Row]) -> str:
    """Nodes of one core each as they were measured, and what follows from that for as many machines."""
    found = [row for row in rows if row.get("what") == "scale"]
    if not found:
        return "Not measured yet."
    row = found[-1]
    body = [
        [str(one["nodes"]), f"{one['jobs_a_minute']:.1f}", f"{one['nodes'] / row['cores']:.1f}"]
        for one in row["nodes"]
    ]
    measured = grid(["nodes, one worker each", "jobs a minute", "nodes a core"], body)
    said = f"{row['jobs']} jobs of {row['seconds']:g} s; load {row['load']:.1f} before."
    paper = on_paper(row["nodes"][0], row["jobs"])
    return f"{measured}\n\n{said}" + (f"\n\n{paper}" if paper else "")


def on_paper(one: Row, jobs: int) -> str:
    """Return what one node's figures say of more: T(n) = start + max(⌈jobs / n⌉ · work, jobs · driver)."""
    if "again_s" not in one:
        return ""
    start = one["again_s"]
    work = (one["made_s"] - one["again_s"]) / jobs
    driver = max(0.0, one["made_cpu_s"] - one["again_cpu_s"]) / jobs
    alone = start + JOBS * work
    body = []
    for nodes in NODES:
        took = start + max(-(-JOBS // nodes) * work, JOBS * driver)
        body.append([str(nodes), f"{took:.0f} s", f"{60 * JOBS / took:.0f}", f"{alone / took / nodes:.0%}"])
    most = "any number of nodes" if driver <= 0 else f"{work / driver:.0f} nodes"
    return (
        f"On paper, {JOBS} such jobs on machines of such a core each: the command takes {start:.1f} s before and after "
        f"its jobs, a job {work:.2f} s of a node and {1000 * driver:.0f} ms of the driver's processor, so that the "
        f"driver keeps up with {most}. "
        "T(n) = start + max(⌈jobs / n⌉ · job, jobs · driver).\n\n"
        + grid(["nodes", "T", "jobs a minute", "of n times one"], body)
    )


def faces_table(rows: list[Row]) -> str:
    """What a film with two people who speak costs over the same film with one of them speaking."""
    body = [
        [
            f"`{row['preset']}`",
            row.get("mouth", "painted"),
            f"{row['cpu_ratio']:.2f} ({row['cpu_spread'][0]:.2f} to {row['cpu_spread'][1]:.2f})",
            f"{row['ratio']:.2f} ({row['spread'][0]:.2f} to {row['spread'][1]:.2f})",
            f"{row['frames']} × {row['rounds']}",
            f"{row['machine']['load']:.1f} on {row['machine']['cores']} cores",
        ]
        for row in rows
    ]
    headings = ["preset", "mouths", "processor time", "time", "frames × rounds", "load before"]
    return _told(headings, body, {})


def two_faces_table(found: Row) -> str:
    """Each face of scenes of two people against its own voice, and against the other's."""
    body = [
        [
            row["face"],
            row["voice"].partition(".")[0],
            f"{row['r']:.2f}",
            f"{row['control_r']:.2f}",
            f"{row['closures']:.2f}",
        ]
        for row in found["faces"]
    ]
    mean = found["mean"]
    body.append(["**mean**", "", *(f"**{mean[key]:.2f}**" for key in ("r", "control_r", "closures"))])
    headings = ["face", "voice", "opening r", "with the other's voice (control)", "closures kept"]
    return grid(headings, body)


def _told(headings: list[str], body: list[list[str]], notes: dict[str, None]) -> str:
    if not body:
        return "Not measured yet."
    said = grid(headings, body)
    return f"{said}\n\n{'; '.join(notes)}." if notes else said
