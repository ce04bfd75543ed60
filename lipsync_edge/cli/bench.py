"""`lipsync-edge bench`: translation only."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lipsync_edge.cli.console import print_json, reporting
from lipsync_edge.errors import LipsyncError, OutputError

if TYPE_CHECKING:
    from lipsync_edge.bench.measure import Plan

QUICK_BUDGET_S = 10.0


def bench_command(
    preset: Annotated[list[str] | None, typer.Option(help="Only these; repeat it.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="Only these; repeat it.")] = None,
    precision: Annotated[list[str] | None, typer.Option(help="Only these; repeat it.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of one network call.", min=1)] = None,
    models: Annotated[Path | None, typer.Option(help="Folder with your own converted models.")] = None,
    seconds: Annotated[float, typer.Option(help="Length of the made video.", min=0.5)] = 10.0,
    quick: Annotated[bool, typer.Option("--quick", help="int8 only, 2 s; ends within 20 s.")] = False,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Write the rows as JSON.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw where the time goes: .png, .svg.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="An older --output to compare with.")] = None,
    margin: Annotated[float, typer.Option(help="Part of the old fps that may be lost.", min=0, max=1)] = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure what really runs here, 1280x720, decode and encode included, and recommend a configuration.

    What is found on a quiet machine decides `run --device auto` from then on; the environment variable
    LIPSYNC_EDGE_BENCH names another file to keep it in, and turns this off when it is empty.
    """
    with reporting(as_json):
        from lipsync_edge.bench import report
        from lipsync_edge.bench.measure import PRECISIONS, Plan
        from lipsync_edge.bench.recommend import ratios

        plan = Plan(
            presets=tuple(preset or ()),
            devices=tuple(device or ()),
            precisions=tuple(precision or (("int8",) if quick else PRECISIONS)),
            seconds=min(seconds, 2.0) if quick else seconds,
            budget_s=QUICK_BUDGET_S if quick else None,
            threads=threads,
            models=models,
        )
        found = bench(plan)
        if baseline is not None:
            found["ratios"] = ratios(found["rows"], baseline)
        _write(found, out)
        if plot is not None:
            report.plot(found, plot)
        if as_json:
            print_json(found)
        else:
            print(report.markdown(found["rows"]) if markdown else report.text(found))
        _judge(found.get("ratios", {}), margin, as_json)


def bench(plan: Plan) -> dict[str, Any]:
    """Measure a plan on the package's own face and speech.

    What was found is kept for `--device auto` (`lipsync_edge.models.autotune`), unless the machine was busy, threads or
    models were the user's own, or a configuration of the same preset was left out.
    """
    from lipsync_edge.bench.measure import make_clip, run_plan
    from lipsync_edge.bench.recommend import recommend
    from lipsync_edge.demo import demo_files
    from lipsync_edge.machine import this_machine
    from lipsync_edge.models.autotune import record
    from lipsync_edge.video.probe import read_image

    machine = this_machine()
    face, audio = demo_files()
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(read_image(face), Path(folder) / "face.mp4")
        found = run_plan(plan, clip, audio, lambda name: print(f"… {name}", file=sys.stderr))
    if not found["rows"]:
        why = "; ".join(one["why"] for one in found["failed"]) or "no preset has its models at this precision"
        raise LipsyncError(expected="a configuration that runs here", got=why, fix="lipsync-edge devices")
    partly = {name.split()[0] for name in found["skipped"]}
    whole = [row for row in found["rows"] if row["preset"] not in partly]
    why_not = "the machine is busy" if machine.busy else ""
    why_not = why_not or ("--threads or --models were given" if plan.threads or plan.models else "")
    why_not = why_not or ("" if whole else "no preset was measured in every way")
    kept = why_not or record(machine.key, whole)
    best = recommend(found["rows"])
    return {
        "machine": asdict(machine),
        "threads": plan.threads,
        "recommendation": best,
        "kept": kept,
        **found,
    }


def _write(found: dict[str, Any], out: Path | None) -> None:
    if out is None:
        return
    try:
        out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise OutputError(expected=f"a file at {out}", got=str(error)) from error


def _judge(ratios: dict[str, float], margin: float, quiet: bool) -> None:
    if not quiet:
        for name, ratio in ratios.items():
            print(f"{name}: {ratio:.2f} × the baseline's fps")
    slow = [f"{name} {ratio:.2f}" for name, ratio in ratios.items() if ratio < 1 - margin]
    if slow:
        raise LipsyncError(expected=f"at least {1 - margin:.2f} × the baseline's fps", got=", ".join(slow))
