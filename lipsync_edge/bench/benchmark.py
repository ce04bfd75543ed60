"""Benchmark of this machine: a plan measured on the package's own face and speech, and what follows from it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lipsync_edge.bench.measure import Plan, make_clip, run_plan
from lipsync_edge.bench.recommend import recommend
from lipsync_edge.demo import demo_files
from lipsync_edge.errors import LipsyncError
from lipsync_edge.machine import Machine, this_machine
from lipsync_edge.models import autotune
from lipsync_edge.video.still_image import read_image


def benchmark(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure a plan; return the machine, the rows, what is recommended and whether it was kept.

    What was found is kept for `--device auto` (`lipsync_edge.models.autotune`), unless the machine was busy, threads or
    models were the user's own, or a configuration of the same preset was left out.

    Args:
        plan: what is measured.
        tell: called with the name of each configuration before it is measured.

    Raises:
        LipsyncError: nothing could be measured; says why.
    """
    machine = this_machine()
    face, audio = demo_files()
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(read_image(face), Path(folder) / "face.mp4")
        found = run_plan(plan, clip, audio, tell)
    if not found["rows"]:
        why = "; ".join(one["why"] for one in found["failed"]) or "no preset has its models at this precision"
        raise LipsyncError(expected="a configuration that runs here", got=why, fix="lipsync-edge devices")
    return {
        "machine": asdict(machine),
        "threads": plan.threads,
        "recommendation": recommend(found["rows"]),
        "kept": keep(plan, machine, found),
        **found,
    }


def keep(plan: Plan, machine: Machine, found: dict[str, Any]) -> str:
    """Record what was measured for `--device auto` where that is fair; say where, or why not."""
    partly = {name.split()[0] for name in found["skipped"]}
    whole = [row for row in found["rows"] if row["preset"] not in partly]
    if machine.busy:
        return "the machine is busy"
    if plan.threads or plan.models:
        return "--threads or --models were given"
    if not whole:
        return "no preset was measured in every way"
    return autotune.record(machine.key, whole)
