"""Runs side by side: how many give the most frames a second in all, and what memory each takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from lipsync_edge.bench.worker import Job
from lipsync_edge.errors import LipsyncError

MOST_S = 600.0  # that one number of runs may take


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsCost:
    """What so many runs side by side gave and took.

    Attributes:
        runs: how many processes, one run each.
        threads: of one network call in each; None: left to the runtime.
        fps: frames a second of all together, while all of them run.
        mb_each: peak resident memory of one process in MiB; None where the system does not tell.
    """

    runs: int
    threads: int | None
    fps: float
    mb_each: float | None


def side_by_side(job: Job, counts: Iterable[int], cores: int, tell: Callable[[str], None]) -> list[RunsCost]:
    """Measure numbers of runs, each in processes of their own that begin together.

    Args:
        job: one run.
        counts: how many.
        cores: of this machine, which the runs share out.
        tell: called before each number.

    Raises:
        LipsyncError: a run failed.
    """
    found = []
    for count in counts:
        tell(f"{count} runs side by side" if count > 1 else "one run")
        threads = job.threads if count == 1 else max(1, cores // count)
        rows = _together(replace(job, threads=threads, waits=True), count)
        memory = [row["rss_mb"] for row in rows if row["rss_mb"] is not None]
        found.append(
            RunsCost(
                runs=count,
                threads=threads,
                fps=round(sum(row["fps"] for row in rows), 1),
                mb_each=max(memory) if memory else None,
            )
        )
    return found


def _together(job: Job, count: int) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "lipsync_edge.bench.worker", json.dumps(asdict(job))]
    pipe = subprocess.PIPE
    workers = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        for _ in range(count)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None, "its output is a pipe"
            first = worker.stdout.readline()
            if first.strip() != "ready":
                raise LipsyncError(expected="a run that begins", got=_said(first))
        rows = []
        for worker in workers:
            assert worker.stdin is not None, "its input is a pipe"
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for worker in workers:
            out, _ = worker.communicate(timeout=MOST_S)
            row = json.loads(out.splitlines()[-1]) if out.strip() else {"error": f"code {worker.returncode}"}
            if "error" in row:
                raise LipsyncError(expected="a run that ends", got=str(row["error"]))
            rows.append(row)
        return rows
    finally:
        for worker in workers:
            worker.kill()
            with worker:  # closes its pipes and waits
                pass


def _said(line: str) -> str:
    try:
        return str(json.loads(line)["error"])
    except (ValueError, KeyError, TypeError):
        return "a process that ended"
