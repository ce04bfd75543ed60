"""Measure how many live sessions a machine holds, each with one viewer of JPEGs: all speaking, or all idle.

    python -m benchmarks live sessions [--seconds-each 15] [--preset lite] [--corpus DIR | --face AVATAR --audio FILE]

As `lipsync-edge bench --sessions` counts them (`lipsync_edge.bench.live_sessions`), of any source. Rows: live.json,
`measured` "sessions". `load` is the machine's load average before: what else was running is missing here.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import cv2

import lipsync_edge as le
from benchmarks import rows
from benchmarks.live.opened import avatar_of, facts_of, sound_of
from benchmarks.process import load_now
from benchmarks.source import RATE, add_source_options, make_source
from lipsync_edge.bench.live_sessions import QUALITY, SessionsCost, cost_of, most_held
from lipsync_edge.live.slot import I16
from lipsync_edge.pipeline.stream import Stream

KEY = ("measured", "state", "preset", "face", "size")


def most(first: Stream, sound: I16 | None, seconds: float, limit: int) -> dict[str, object]:
    """Return the most sessions that lose nearly nothing, and what they and a few more cost."""

    def measure(count: int) -> SessionsCost:
        found = cost_of(count, first, sound, seconds)
        print(found, flush=True)
        return found

    held, over = most_held(measure, limit)
    return {
        **(asdict(held) if held else {"sessions": 0}),
        "one_step_more": None if over is None else asdict(over),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of many sessions."""
    add_source_options(parser, seconds=12.0)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--seconds-each", type=float, default=15.0)
    parser.add_argument("--limit", type=int, default=60, help="most sessions that are tried")


def main(options: argparse.Namespace) -> None:
    """Measure speaking and idle sessions, keep the rows."""
    options.threads = 1
    cv2.setNumThreads(1)
    engine = le.load(preset=options.preset, models=options.models, threads=1)
    with tempfile.TemporaryDirectory() as name:
        source = make_source(options, Path(name))
        avatar, sound = avatar_of(engine, source), sound_of(source)
        first = engine.stream(avatar, sample_rate=RATE, fps=25)
        for frame in first.idle(4 * len(avatar)):
            frame.picture.jpeg(QUALITY)
        for state, said in (("speaking", sound), ("idle", None)):
            load = load_now()
            row: dict[str, object] = {"measured": "sessions", "state": state}
            row |= most(first, said, options.seconds_each, options.limit)
            row |= facts_of(engine, avatar, source, options) | {"load": load}
            print(json.dumps(row), flush=True)
            rows.keep(options.results, "live", [row], KEY)
