"""`lipsync-edge run` as a process of its own, timed from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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


@contextmanager
def _peak_of(pid: int, every_s: float = 0.05) -> Iterator[Callable[[], float]]:
    """Watch the peak memory of a process, in megabytes, while it lives.

    `ru_maxrss` of a child begins with what its parent held when it was started, which is gigabytes where torch ran.
    """
    status, over, peak = Path(f"/proc/{pid}/status"), threading.Event(), [0.0]

    def look() -> None:
        while not over.wait(every_s):
            with suppress(OSError):
                lines = (line.split() for line in status.read_text().splitlines())
                peak[0] = max([peak[0], *(int(words[1]) / 1024 for words in lines if words[0] == "VmHWM:")])

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield lambda: peak[0]
    finally:
        over.set()
        thread.join()


def measured(command: list[str], report: Path) -> dict[str, Any]:
    """Run a process and return its wall-clock and processor seconds, its peak memory and its own report."""
    began = time.perf_counter()
    process = subprocess.Popen(command)
    with _peak_of(process.pid) as peak_mb:
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the run ended with code {process.returncode}")
    return {
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": peak_mb(),
        "report": json.loads(report.read_text()),
    }
