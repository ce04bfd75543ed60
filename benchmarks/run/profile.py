"""Where the time of `lipsync-edge run` goes: what `lipsync-edge bench` says of the stages, and what it does not say.

    python -m benchmarks run profile [--seconds 40] [--presets lite hq] [--corpus DIR]

Stages are measured by `lipsync-edge bench`'s own worker, in a fresh process after a short run. Three threads work at
once: one decodes, one tracks and makes, one encodes; `busy` is the part of the run in which each of them was not
waiting for another. `track` holds `detect`, `render` holds cut, lips, enhance, segment and blend. Times are wall-clock:
on a busy machine they hold what others did. Of a batch each frame is given an equal part.

Two numbers of a frame: `macs`, the multiply-adds of its networks (the manifest's, times how many pictures or sounds
each was given, the look through the film too), and `moved_bytes`, what whole-frame passes write (`PASSES`), beside
`least_bytes`: the decoder's picture and the finished one in 4:2:0, which nobody can save. Rows: profile.json.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.process import load_now
from benchmarks.source import Source, add_source_options, make_source
from lipsync_edge.bench.measure import in_process
from lipsync_edge.bench.worker import Job
from lipsync_edge.models.preset import Preset, load_preset
from lipsync_edge.models.registry import bundled_models, read_manifest

PASSES = {  # bytes a pixel that are written, 8-bit 4:2:0 in and out; the faces' own rectangles beside that
    "decoder's picture": 1.5,
    "its planes for the encoder": 1.5,
}
CARDS = {"encode_audio": "voice", "identify": "identity"}  # stages that a preset calls otherwise
LEAST = 3.0  # decoder's picture and finished picture


def profile(preset: str, source: Source, seconds: float) -> dict[str, Any]:
    """Return the row of a preset."""
    load = load_now()
    job = Job(
        preset=preset,
        device="cpu",
        precision="auto",
        threads=None,
        models=None,
        face=str(source.face),
        audio=str(source.audio),
        seconds=seconds,
        began=time.time(),
    )
    found = in_process(job)
    if "error" in found:
        raise SystemExit(f"{preset}: {found['error']}")
    width, height = (int(side) for side in found["size"].split("x"))
    stages, means = found["stage_ms"], found["mean_ms"]
    return {
        "preset": preset,
        "size": found["size"],
        "frames": found["frames"],
        "fps": found["fps"],
        "cpu_ms": found["cpu_ms_per_frame"],
        "load": load,
        "precisions": found["precisions"],
        "stage_ms": {stage: {**ms, "mean": means[stage]} for stage, ms in stages.items()},
        "busy": busy(means, found["fps"]),
        "macs": macs(load_preset(preset), found["precisions"], found["fed"]),
        "moved_bytes": round(sum(PASSES.values()) * width * height),
        "least_bytes": round(LEAST * width * height),
    }


def busy(mean_ms: Mapping[str, float], fps: float) -> dict[str, float]:
    """Return the part of the run, 0…1, in which each thread did not wait for another.

    Args:
        mean_ms: stage → ms a frame.
        fps: of the whole run.
    """
    frame_ms = 1000 / fps
    waits = mean_ms["wait_decoder"] + mean_ms["wait_encoder"]
    parts = {"decode": mean_ms["decode"], "make": frame_ms - waits, "encode": mean_ms["encode"]}
    return {name: round(ms / frame_ms, 3) for name, ms in parts.items()}


def macs(preset: Preset, precisions: Mapping[str, str], fed: Mapping[str, float]) -> dict[str, int]:
    """Return stage → multiply-adds a frame.

    Args:
        preset: names the networks.
        precisions: stage → precision of its network.
        fed: stage → how many pictures or sounds its network was given for each frame of the result.
    """
    files = read_manifest(bundled_models())
    return {
        stage: round(
            files[f"{getattr(preset, CARDS.get(stage, stage))}.{precision}.onnx"]["macs"] * fed[stage]
        )
        for stage, precision in precisions.items()
    }


def markdown(row: Mapping[str, Any]) -> str:
    """Return a preset's stages as a Markdown table."""
    lines = [f"`{row['preset']}`, {row['frames']} frames, {row['fps']} fps, load {row['load']} before:", ""]
    lines += ["| stage | p50 ms | p95 ms | mean ms a frame | passes |", "|---|---|---|---|---|"]
    lines += [
        f"| {stage} | {ms['p50']:.2f} | {ms['p95']:.2f} | {ms['mean']:.2f} | {ms['n']} |"
        for stage, ms in row["stage_ms"].items()
    ]
    return "\n".join(lines)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of profiles."""
    add_source_options(parser, seconds=40.0)
    parser.add_argument("--presets", nargs="+", default=["lite", "hq"])


def main(options: argparse.Namespace) -> None:
    """Make the clip, profile each preset, write, print."""
    origin = rows.stated()
    with tempfile.TemporaryDirectory() as name:
        source = make_source(options, Path(name))
        found = [profile(preset, source, options.seconds) for preset in options.presets]
    rows.write(options.results, "profile", {**origin, "passes": PASSES, "face": source.said, "rows": found})
    for row in found:
        print(markdown(row), end="\n\n")
        print(f"busy {row['busy']}, multiply-adds a frame {row['macs']}")
        print(f"bytes a frame: {row['moved_bytes']:,} written, {row['least_bytes']:,} at least\n")
