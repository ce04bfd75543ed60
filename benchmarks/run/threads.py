"""Do the thread pools fight? `run` with OpenCV and the networks held to one thread, beside `run` as it is.

    python -m benchmarks run threads [--rounds 3] [--seconds 20] [--corpus DIR]

Decoder, networks, OpenCV and encoder have a pool each and share the cores. If they fought, processor time a frame
(`cpu_ms`, all threads) would fall with fewer threads. The variants take turns; every run is a process of its own.
Rows: threads.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.process import run_once
from benchmarks.source import Source, add_source_options, make_source

OPENCV = "OPENCV_FOR_THREADS_NUM"
VARIANTS: dict[str, tuple[dict[str, str], list[str]]] = {
    "as it is": ({}, []),
    "OpenCV: 1 thread": ({OPENCV: "1"}, []),
    "networks: 1 thread": ({}, ["--threads", "1"]),
    "both": ({OPENCV: "1"}, ["--threads", "1"]),
}


@contextmanager
def opencv_threads(variables: dict[str, str]) -> Iterator[None]:
    """Set or remove OpenCV's variable for processes that are started meanwhile."""
    kept = os.environ.pop(OPENCV, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.pop(OPENCV, None)
        os.environ.update({OPENCV: kept} if kept is not None else {})


def once(variant: str, source: Source, folder: Path) -> dict[str, float]:
    """Run one variant once; return fps and cpu_ms."""
    variables, words = VARIANTS[variant]
    with opencv_threads(variables):
        found = run_once(source, folder, ["--device", "cpu", *words])
    frames = found["report"]["frames"]
    return {"fps": frames / found["wall_s"], "cpu_ms": 1000 * found["cpu_s"] / frames}


def row_of(variant: str, runs: list[dict[str, float]]) -> dict[str, Any]:
    """Join the runs of a variant: medians, and every one of them."""
    row: dict[str, Any] = {"variant": variant, "n": len(runs)}
    for figure in ("fps", "cpu_ms"):
        row[figure] = round(statistics.median(run[figure] for run in runs), 2)
        row[f"{figure}_each"] = [round(run[figure], 2) for run in runs]
    return row


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of thread pools."""
    add_source_options(parser, seconds=20.0)
    parser.add_argument("--rounds", type=int, default=3)


def main(options: argparse.Namespace) -> None:
    """Make the clip, take turns, write, print."""
    origin = rows.stated()
    runs: dict[str, list[dict[str, float]]] = {variant: [] for variant in VARIANTS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_source(options, folder)
        for _ in range(options.rounds):
            for variant, of_it in runs.items():
                of_it.append(once(variant, source, folder))
    found = {
        **origin,
        "face": source.said,
        "rows": [row_of(variant, of_it) for variant, of_it in runs.items()],
    }
    rows.write(options.results, "threads", found)
    for row in found["rows"]:
        print(f"{row['variant']:20} {row['fps']:6.1f} fps  {row['cpu_ms']:6.2f} ms of processor a frame")
