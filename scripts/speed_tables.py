"""Tables of the speed benchmarks, made of their rows; `make_tables.py` puts them into pages."""

from __future__ import annotations

from typing import Any

from lipsync_edge.figures import markdown_table as grid


def ratio_table(found: dict[str, Any]) -> str:
    """Each preset against the published pipeline in torch, measured in turn; a table for each run."""
    return "\n\n".join(_one_run(run) for run in [found, *found.get("earlier", [])])


def _one_run(found: dict[str, Any]) -> str:
    """The rows of one run, and what they were measured against."""
    body = []
    for row in found["rows"]:
        aims = [f"{row['least_fps']:g} fps"] * bool(row["least_fps"])
        aims += [f"{row['least_ratio']:g} ×"] * bool(row["least_ratio"])
        reached = {True: "yes", False: "no", None: "-"}[row["reached"]]
        runs_on = "+".join(dict.fromkeys(row["devices"].values()))
        body.append(
            [
                row["name"],
                runs_on,
                f"{row['fps']:.1f}",
                f"{row['ratio']:.0f} ×" if row["ratio"] >= 20 else f"{row['ratio']:.1f} ×",
                " and ".join(aims) or "-",
                reached,
                f"{row['n']} × {row['rounds']}",
                f"{row['load']:.1f}",
            ]
        )
    headings = ["", "device", "fps", "reference", "target", "reached", "frames × rounds", "load before"]
    theirs, machine = found["reference"], found["machine"]
    rates = ", ".join(f"{run['fps']:.3f}" for run in theirs)
    flags = ", ".join(machine["flags"] or ["flags unknown"])
    notes = [
        f"Reference: {rates} fps ({theirs[0]['frames']} frames a round, {theirs[0]['threads']} threads).",
        f"{machine['processor']}, {machine['cores']} cores ({flags}), {found['when'][:10]}.",
    ]
    faces = {row["face"]: [] for row in found["rows"]}
    for row in found["rows"]:
        faces[row["face"]].append(row["name"])
    notes += [f"Face of {', '.join(names)}: {said}." for said, names in faces.items()]
    return grid(headings, body) + "\n\n" + " ".join(notes)


def start_table(found: dict[str, Any]) -> str:
    """How long one waits for the import and for the first frame."""
    waits = [("`import lipsync_edge`", "ms", found["import_ms"])]
    waits += [(f"first frame, `{name}`", "s", one) for name, one in found["first_frame_s"].items()]
    body = [
        [
            what,
            f"{one['median']:.2f} {unit}",
            f"{one['worst']:.2f} {unit}",
            str(one["n"]),
            f"{one['target']:g} {unit}",
            "yes" if one["reached"] else "no",
        ]
        for what, unit, one in waits
    ]
    headings = ["from a fresh process", "median", "worst", "n", "target", "reached"]
    loads = [found["machine"]["load"], *(one["load"] for one in found["first_frame_s"].values())]
    return grid(headings, body) + f"\n\nLoad before each: {', '.join(f'{load:g}' for load in loads)}."


def profile_table(found: dict[str, Any]) -> str:
    """Where a frame's time goes: p50 / p95 ms a stage, a column a preset."""
    rows = found["rows"]
    stages = list(dict.fromkeys(stage for row in rows for stage in row["stage_ms"]))
    body = [[stage, *(_both(row["stage_ms"].get(stage)) for row in rows)] for stage in stages]
    body += [[f"busy: {one}", *(f"{row['busy'][one]:.0%}" for row in rows)] for one in rows[0]["busy"]]
    body += [["million multiply-adds", *(f"{sum(row['macs'].values()) / 1e6:.0f}" for row in rows)]]
    body += [["MB written", *(f"{row['moved_bytes'] / 1e6:.1f}" for row in rows)]]
    body += [["MB at least", *(f"{row['least_bytes'] / 1e6:.1f}" for row in rows)]]
    body += [["fps", *(f"{row['fps']:.1f}" for row in rows)]]
    loads = ", ".join(f"{row['load']:g}" for row in rows)
    headings = ["a frame, p50 / p95 ms", *(f"`{row['preset']}`" for row in rows)]
    return grid(headings, body) + f"\n\nLoad before: {loads}; {rows[0]['size']}, {rows[0]['frames']} frames."


def roofline_table(found: dict[str, Any]) -> str:
    """What each stage must do at least, how long that takes at the machine's peak, and how near it comes."""
    body = [
        [
            f"{row['name']} ({row['kind']})" if row["macs"] else row["name"],
            f"{row['macs'] / 1e6:.1f}" if row["macs"] else "-",
            f"{row['moved'] / 1e6:.2f}",
            f"{row['least_ms']:.2f}",
            f"{row['ms']:.2f}",
            f"{row['near']:.0%}",
        ]
        for row in found["stages"]
    ]
    headings = [
        "stage, a frame",
        "million multiply-adds",
        "MB",
        "least, ms",
        "CPU ms",
        "near",
    ]
    peak = found["peaks"]
    return grid(headings, body) + (
        f"\n\nPeaks of one thread: {peak['fp32']:g} (fp32) and {peak['int8']:g} (int8) thousand million "
        f"multiply-adds a second, {peak['copy']:g} thousand million bytes copied. Load before: {found['load']:g}."
    )


def _both(ms: dict[str, float] | None) -> str:
    return "-" if ms is None else f"{ms['p50']:.2f} / {ms['p95']:.2f}"


def picture_table(found: dict[str, Any]) -> str:
    """Picture work a frame, ms of processor time."""
    body = []
    for step, ms in found["cpu_ms"].items():
        single = "least" in ms
        cells = (
            [f"{ms['least']:.2f}", f"{ms['median']:.2f}"]
            if single
            else [f"{ms['mean_all_threads']:.2f} (mean)", "-"]
        )
        body.append([step, *cells, str(ms["n"]), str(ms.get("kB", "-")), str(ms.get("psnr", "-"))])
    return (
        grid(["step, CPU ms a frame", "least", "median", "n", "file, kB", "PSNR, dB"], body)
        + f"\n\nLoad before: {found['load']:g}."
    )


def threads_table(found: dict[str, Any]) -> str:
    """The pools held to one thread, beside the usual."""
    body = [
        [row["variant"], f"{row['fps']:.1f}", f"{row['cpu_ms']:.1f}", str(row["n"])] for row in found["rows"]
    ]
    headings = ["variant", "fps", "CPU ms a frame", "n"]
    return grid(headings, body) + f"\n\nLoad before: {found['machine']['load']:g}; medians."
