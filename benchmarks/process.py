"""`lipsync-edge run` as a process of its own, timed from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.source import Source

RUN = "from lipsync_edge.cli.main import main; main()"


def load_now() -> float:
    """Return the load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def run_once(source: Source, folder: Path, options: Sequence[str]) -> dict[str, Any]:
    """Run the program on a source with more options; returns what `measured` does, and the load before."""
    report = folder / "report.json"
    words = [
        sys.executable,
        "-c",
        RUN,
        "run",
        str(source.face),
        str(source.audio),
        "-o",
        str(folder / "out.mp4"),
    ]
    load = load_now()
    return measured([*words, "--quiet", "--report", str(report), *options], report) | {"load": load}


def measured(command: list[str], report: Path) -> dict[str, Any]:
    """Run a process and return its wall-clock and processor seconds, its peak memory and its own report."""
    began = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the run ended with code {process.returncode}")
    return {
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,  # kilobytes on Linux
        "report": json.loads(report.read_text()),
    }
