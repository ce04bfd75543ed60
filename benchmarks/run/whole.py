"""Measure `lipsync-edge run` as a person meets it: a process, from its start to the finished file.

    python -m benchmarks run [--presets lite hq] [--corpus DIR] [--seconds 40] [-- MORE OPTIONS OF run]

Without --face and --audio it makes its own 1280x720 clip at 25 fps, of the demo's face or of an evaluation clip of the
corpus (the speaker in the middle, the sides filled with a blurred copy), and drives it with another voice, so that the
video is played back and forth. Rows: run.json.

`fps` is output frames over wall-clock seconds, start of Python and loading of the models included; `fps_run` is what
the program says of itself, without its start. On a machine that does other work both are too low: `load` is its load
average at the start, and `cpu_ms` the processor time (all threads) of one frame, which other work changes less; `cores`
over it is the rate that an idle machine could reach at best.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.process import run_once
from benchmarks.source import add_source_options, make_source

KEY = ("preset", "options", "face", "frames")


def row_of(measured: dict[str, Any], said: str, options: argparse.Namespace) -> dict[str, Any]:
    """Join what was measured into one flat row."""
    report = measured["report"]
    frames = report["frames"]
    origin = rows.stated()
    return {
        "when": origin["when"],
        "preset": report["preset"],
        "options": options.options,
        "face": said,
        "size": f"{report['width']}x{report['height']}",
        "frames": frames,
        "frames_without_face": report["frames_without_face"],
        "fps": round(frames / measured["wall_s"], 2),
        "fps_run": round(frames / report["elapsed_s"], 2),
        "cpu_ms": round(1000 * measured["cpu_s"] / frames, 2),
        "peak_mb": round(measured["peak_mb"], 1),
        "stage_ms": {
            stage: round(1000 * seconds / frames, 2) for stage, seconds in report["stage_s"].items()
        },
        "devices": report["devices"],
        "precisions": report["precisions"],
        "cores": origin["machine"]["cores"],
        "load": measured["load"],
        "note": options.note,
        "commit": origin["commit"],
        "machine": origin["machine"] | {"load": measured["load"]},
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of whole runs."""
    add_source_options(parser, seconds=40.0)
    parser.add_argument("--presets", nargs="+", default=["lite", "hq"])
    parser.add_argument(
        "--note", default="", help="what a reader should know, e.g. that the process had priority"
    )
    parser.add_argument("options", nargs="*", help="more options of `run`, after --")


def main(options: argparse.Namespace) -> None:
    """Make the clip, run each preset, keep a row of each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_source(options, folder)
        for preset in options.presets:
            found = run_once(source, folder, ["--preset", preset, *options.options])
            row = row_of(found, source.said, options)
            print(json.dumps(row, indent=1), flush=True)
            rows.keep(options.results, "run", [row], KEY)
