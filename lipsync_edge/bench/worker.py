"""Benchmark worker: measures one configuration in a process of its own, whose arguments and last line are JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lipsync_edge.bench.times import Times
from lipsync_edge.errors import LipsyncError
from lipsync_edge.figures import percentiles
from lipsync_edge.machine import peak_memory_mb

WARM_UP_S = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One configuration to measure; every field is what JSON can hold.

    Attributes:
        preset: its name.
        device: what `--device` takes.
        precision: "fp32", "fp16" or "int8".
        threads: of one network call; None leaves it to the runtime.
        models: folder of the user's models, or None.
        face: path of the video.
        audio: path of the speech.
        seconds: length of the made video.
        began: Unix time at which the worker's process was started.
        waits: whether it says "ready" when it is, and waits for a line before it measures.
    """

    preset: str
    device: str
    precision: str
    threads: int | None
    models: str | None
    face: str
    audio: str
    seconds: float
    began: float
    waits: bool = False


def measure(job: Job) -> dict[str, Any]:
    """Measure one configuration; return its row."""
    from lipsync_edge.engine import load_engine
    from lipsync_edge.mark.options import MarkOptions
    from lipsync_edge.models.engine_options import EngineOptions
    from lipsync_edge.models.registry import find_model
    from lipsync_edge.pipeline.run_options import RunOptions

    models = Path(job.models) if job.models else None
    wanted = EngineOptions(
        preset=job.preset, device=job.device, precision=job.precision, threads=job.threads, models=models
    )
    engine = load_engine(wanted)
    warm_up = Times(job.began)
    times = Times(job.began)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.mp4"
        bare = RunOptions(mark=MarkOptions(wanted=False))  # what is timed is the pictures
        engine.run(job.face, job.audio, out, options=replace(bare, end=WARM_UP_S), observe=warm_up)
        if job.waits:
            print("ready", flush=True)
            sys.stdin.readline()
        fed = {stage: network.fed for stage, network in engine.networks.items()}
        cpu = time.process_time()
        whole = replace(bare, end=job.seconds)
        result = engine.run(job.face, job.audio, out, options=whole, observe=times)
        cpu = time.process_time() - cpu
    files = {
        find_model(network.spec.name, models=models, precision=network.precision)
        for network in engine.networks.values()
    }
    fps = result.frames / result.elapsed_s
    return {
        "preset": job.preset,
        "device": engine.device,
        "precision": job.precision,
        "precisions": result.precisions,
        "threads": job.threads,
        "size": f"{result.width}x{result.height}",
        "frames": result.frames,
        "fps": round(fps, 2),
        "real_time_factor": round(fps / result.fps, 3),
        "cpu_ms_per_frame": round(1000 * cpu / result.frames, 2),
        "first_frame_s": None if warm_up.first_frame_s is None else round(warm_up.first_frame_s, 3),
        "rss_mb": peak_memory_mb(),
        "models_mb": round(sum(file.stat().st_size for file in files) / 1e6, 3),
        "fed": {
            stage: round((network.fed - fed[stage]) / result.frames, 4)
            for stage, network in engine.networks.items()
        },
        "stage_ms": {stage: percentiles(ms) for stage, ms in times.stages.items()},
        "mean_ms": {stage: round(1000 * s / result.frames, 3) for stage, s in result.stage_s.items()},
    }


def main() -> None:
    """Read the job, print the row or the error."""
    try:
        print(json.dumps(measure(Job(**json.loads(sys.argv[1])))))
    except LipsyncError as error:
        print(json.dumps({"error": str(error)}))


if __name__ == "__main__":
    main()
