"""What own mouths cost: `lipsync-edge run` with and without them, in turn, each in a process of its own.

    python -m benchmarks run mouths [--presets lite] [--rounds 3] [--corpus DIR] [--seconds 8]

A round is `--mouth painted`, then `--mouth own`, on the same source. `cpu_ratio` is own's processor time over
painted's, start of Python and the look through the film included, the median over rounds, `cpu_spread` the least and
the largest; `peak_mb` is the larger peak of the rounds, painted and own. Rows: own_mouth_cost.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.process import run_once
from benchmarks.source import add_source_options, make_source

KEY = ("preset", "face", "size")
MOUTHS = ("painted", "own")


def row_of(rounds: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Join what was measured, way → what `run_once` gives, of every round."""
    ratios = [one["own"]["cpu_s"] / one["painted"]["cpu_s"] for one in rounds]
    report = rounds[-1]["own"]["report"]
    return {
        "preset": report["preset"],
        "size": f"{report['width']}x{report['height']}",
        "frames": report["frames"],
        "own_mouth": report["own_mouth"],
        "rounds": len(rounds),
        "cpu_ratio": round(statistics.median(ratios), 4),
        "cpu_spread": [round(min(ratios), 4), round(max(ratios), 4)],
        "cpu_s": [round(statistics.median(one[way]["cpu_s"] for one in rounds), 2) for way in MOUTHS],
        "peak_mb": [round(max(one[way]["peak_mb"] for one in rounds)) for way in MOUTHS],
        "load": [one["painted"]["load"] for one in rounds],
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the comparison."""
    add_source_options(parser, seconds=8.0)
    parser.add_argument("--presets", nargs="+", default=["lite"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")


def main(options: argparse.Namespace) -> None:
    """Measure, keep, print."""
    origin, found = rows.stated(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_source(options, folder)
        for preset in options.presets:
            rounds = []
            for _ in range(options.rounds):
                words = ["--preset", preset, "--device", options.device, "--mouth"]
                rounds.append({way: run_once(source, folder, [*words, way]) for way in MOUTHS})
            found.append({**row_of(rounds), "face": source.said, **origin})
    rows.keep(options.results, "own_mouth_cost", found, KEY)
    for row in found:
        print(
            f"{row['preset']:6} {row['size']} processor time × {row['cpu_ratio']:.3f}, peak {row['peak_mb']} MB"
        )
