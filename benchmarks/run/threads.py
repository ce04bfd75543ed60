"""Do the thread pools fight? `run` with OpenCV and the networks held to one thread, beside `run` as it is.

    python -m benchmarks.bench_threads [--rounds 3] [--seconds 20] [--out benchmarks/results/threads.json]

Decoder, networks, OpenCV and encoder have a pool each and share the cores. If they fought, processor time a frame
(`cpu_ms`, all threads) would fall with fewer threads. The variants take turns; every run is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.bench_run import CLIP, CORPUS, RUN, VOICE, make_face, make_speech, measure
from lipsync_edge.machine import this_machine

RESULTS = Path(__file__).parent / "results" / "threads.json"
OPENCV = "OPENCV_FOR_THREADS_NUM"
VARIANTS: dict[str, tuple[dict[str, str], list[str]]] = {
    "as it is": ({}, []),
    "OpenCV: 1 thread": ({OPENCV: "1"}, []),
    "networks: 1 thread": ({}, ["--threads", "1"]),
    "both": ({OPENCV: "1"}, ["--threads", "1"]),
}


def once(variant: str, face: Path, audio: Path, folder: Path) -> dict[str, float]:
    """Run one variant once; return fps and cpu_ms."""
    variables, words = VARIANTS[variant]
    report = folder / "report.json"
    command = [sys.executable, "-c", RUN, "run", str(face), str(audio), "-o", str(folder / "out.mp4")]
    kept = os.environ.pop(OPENCV, None)
    os.environ.update(variables)
    try:
        found = measure([*command, "--quiet", "--device", "cpu", "--report", str(report), *words], report)
    finally:
        os.environ.pop(OPENCV, None)
        os.environ.update({OPENCV: kept} if kept is not None else {})
    frames = found["report"]["frames"]
    return {"fps": frames / found["wall_s"], "cpu_ms": 1000 * found["cpu_s"] / frames}


def row_of(variant: str, runs: list[dict[str, float]]) -> dict[str, Any]:
    """Join the runs of a variant: medians, and every one of them."""
    row: dict[str, Any] = {"variant": variant, "n": len(runs)}
    for figure in ("fps", "cpu_ms"):
        row[figure] = round(statistics.median(run[figure] for run in runs), 2)
        row[f"{figure}_each"] = [round(run[figure], 2) for run in runs]
    return row


def main() -> None:
    """Make the clip, take turns, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    machine, clips = this_machine(), arguments.corpus / "eval"
    runs: dict[str, list[dict[str, float]]] = {variant: [] for variant in VARIANTS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        face = make_face(clips / CLIP, folder / "face.mp4")
        audio = make_speech(clips / VOICE, folder / "voice.wav", arguments.seconds)
        for _ in range(arguments.rounds):
            for variant in VARIANTS:
                runs[variant].append(once(variant, face, audio, folder))
    found = {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "rows": [row_of(variant, of_it) for variant, of_it in runs.items()],
    }
    arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    for row in found["rows"]:
        print(f"{row['variant']:20} {row['fps']:6.1f} fps  {row['cpu_ms']:6.2f} ms of processor a frame")


if __name__ == "__main__":
    main()
