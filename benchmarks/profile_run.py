"""Where the time of `lipsync-edge run` goes: p50 and p95 of a frame in every stage, waits, and two numbers.

    python -m benchmarks.profile_run [--seconds 40] [--presets lite hq] [--out benchmarks/results/profile.json]

The clip and the voice are those of bench_run.py (1280x720); one short run before is not counted. Three threads work at
once: one decodes, one tracks and makes, one encodes; `busy` is the part of the run in which each of them was not
waiting for another. `track` holds `detect`, `render` holds cut, lips, enhance, segment and blend. Times are wall-clock:
on a busy machine they hold what others did. Of a batch each frame is given an equal part.

The two numbers of a frame: `macs`, the multiply-adds that its networks really did (the manifest's, times how often each
was called), and `moved_bytes`, what whole-frame passes write (`PASSES`), beside `least_bytes`: the decoder's picture
and the finished one in 4:2:0, which nobody can save.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.bench_run import CLIP, CORPUS, VOICE, make_face, make_speech
from lipsync_edge.bench.times import Times, percentiles
from lipsync_edge.engine import Engine
from lipsync_edge.engine import load
from lipsync_edge.machine import this_machine
from lipsync_edge.models.network import bundled_models, read_manifest
from lipsync_edge.pipeline.job import RunOptions, RunResult

RESULTS = Path(__file__).parent / "results" / "profile.json"
PASSES = {  # bytes a pixel that are written, 8-bit 4:2:0 in and out; the face's own rectangle beside that
    "decoder's picture": 1.5,
    "its planes without the chroma's place": 1.5,
    "conversion to three planes": 3.0,
    "planes to BGR": 3.0,
    "finished frame": 3.0,
    "its planes for the encoder": 1.5,
}
LEAST = 3.0  # decoder's picture and finished picture


def profile(preset: str, face: Path, audio: Path, folder: Path) -> dict[str, Any]:
    """Run once after a short run; return the row of a preset."""
    engine = load(preset=preset, device="cpu")
    engine.run(face, audio, folder / "out.mp4", options=RunOptions(end=0.5))
    load_before, times, cpu = os.getloadavg()[0], Times(time.time()), time.process_time()
    result = engine.run(face, audio, folder / "out.mp4", observe=times)
    cpu = time.process_time() - cpu
    return {
        "preset": preset,
        "size": f"{result.width}x{result.height}",
        "frames": result.frames,
        "fps": round(result.frames / result.elapsed_s, 2),
        "cpu_ms": round(1000 * cpu / result.frames, 2),
        "load": round(load_before, 2),
        "precisions": result.precisions,
        "stage_ms": {
            stage: {**percentiles(ms), "mean": round(1000 * result.stage_s[stage] / result.frames, 3)}
            for stage, ms in times.stages.items()
        },
        "busy": busy(result),
        "macs": macs(engine, times.stages, result.frames),
        "moved_bytes": round(sum(PASSES.values()) * result.width * result.height),
        "least_bytes": round(LEAST * result.width * result.height),
    }


def busy(result: RunResult) -> dict[str, float]:
    """Return the part of the run, 0…1, in which each thread did not wait for another."""
    spent = result.stage_s
    waits = spent["wait_decoder"] + spent["wait_encoder"]
    parts = {"decode": spent["decode"], "make": result.elapsed_s - waits, "encode": spent["encode"]}
    return {name: round(seconds / result.elapsed_s, 3) for name, seconds in parts.items()}


def macs(engine: Engine, stages: Mapping[str, Sequence[float]], frames: int) -> dict[str, int]:
    """Return stage → multiply-adds a frame: the detector's by its calls, the others once a frame."""
    files = read_manifest(bundled_models())
    calls = {"detect": len(stages["detect"]) / frames}
    return {
        stage: round(files[f"{network.spec.name}.{network.precision}.onnx"]["macs"] * calls.get(stage, 1.0))
        for stage, network in engine.networks.items()
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


def main() -> None:
    """Make the clip, profile each preset, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--presets", nargs="*", default=["lite", "hq"])
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    machine, clips = this_machine(), arguments.corpus / "eval"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        face = make_face(clips / CLIP, folder / "face.mp4")
        audio = make_speech(clips / VOICE, folder / "voice.wav", arguments.seconds)
        rows = [profile(preset, face, audio, folder) for preset in arguments.presets]
    found = {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "passes": PASSES,
        "rows": rows,
    }
    arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    for row in rows:
        print(markdown(row), end="\n\n")
        print(f"busy {row['busy']}, multiply-adds a frame {row['macs']}")
        print(f"bytes a frame: {row['moved_bytes']:,} written, {row['least_bytes']:,} at least\n")


if __name__ == "__main__":
    main()
