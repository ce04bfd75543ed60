"""One configuration measured, in a fresh process: `python -m lipsync_edge.bench.one JSON` prints one JSON row."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lipsync_edge.arrays import U8, Boxes, Tick
from lipsync_edge.detect import Detector
from lipsync_edge.engine import Engine, Probe, no_probe
from lipsync_edge.errors import LipsyncError

WARM_UP_S = 0.4


class TimedDetector(Detector):
    """A detector that notes how long each call takes, in ms."""

    def __init__(self, inner: Detector, times: list[float]) -> None:
        super().__init__(inner.network)
        self._times = times

    def __call__(self, frames_bgr: Sequence[U8], side: int = 0) -> list[Boxes]:
        """Find faces; see `Detector`."""
        began = time.perf_counter()
        found = super().__call__(frames_bgr, side)
        self._times.append(1000 * (time.perf_counter() - began))
        return found


class TimedEngine(Engine):
    """An engine that notes how long a frame takes in each stage, in ms (a batch's time over its frames)."""

    def __init__(self, inner: Engine) -> None:
        self.times: dict[str, list[float]] = {"detect": []}
        super().__init__(
            preset=inner.preset,
            detector=TimedDetector(inner.detector, self.times["detect"]),
            lips=inner.lips,
            segmenter=inner.segmenter,
            enhancer=inner.enhancer,
        )

    def render(self, ticks: Sequence[Tick], probe: Probe = no_probe) -> list[U8]:
        """Make frames; see `Engine.render`."""

        @contextmanager
        def both(stage: str) -> Iterator[None]:
            began = time.perf_counter()
            with probe(stage):
                yield
            self.times.setdefault(stage, []).append(1000 * (time.perf_counter() - began) / max(1, len(ticks)))

        with both("render"):
            return super().render(ticks, both)


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 (ms) and n of some times."""
    p50, p95 = np.percentile(np.asarray(times, np.float64), [50, 95])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "n": len(times)}


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Measure one configuration.

    Args:
        job: preset, device, precision, threads (or None), models (folder or None), face, audio, seconds, and `began`,
            the Unix time at which this process was started.
    """
    from lipsync_edge.job import RunOptions
    from lipsync_edge.loading import load
    from lipsync_edge.network import find_model

    wanted = {name: job[name] for name in ("preset", "device", "precision", "threads", "models")}
    engine = TimedEngine(load(**wanted))
    first: list[float] = []

    def note(done: int, total: int | None) -> None:
        if not first:
            first.append(time.time() - job["began"])

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.mp4"
        engine.run(job["face"], job["audio"], out, options=RunOptions(end=WARM_UP_S), progress=note)
        for times in engine.times.values():
            times.clear()
        cpu = time.process_time()
        result = engine.run(job["face"], job["audio"], out, options=RunOptions(end=job["seconds"]))
        cpu = time.process_time() - cpu
    models = Path(job["models"]) if job["models"] else None
    files = {
        find_model(network.card.name, models=models, precision=network.precision)
        for network in engine.networks.values()
    }
    fps = result.frames / result.elapsed_s
    return {
        "preset": job["preset"],
        "device": engine.device,
        "precision": job["precision"],
        "precisions": result.precisions,
        "threads": job["threads"],
        "size": f"{result.width}x{result.height}",
        "frames": result.frames,
        "fps": round(fps, 2),
        "real_time_factor": round(fps / result.fps, 3),
        "cpu_ms_per_frame": round(1000 * cpu / result.frames, 2),
        "first_frame_s": round(first[0], 3) if first else None,
        "rss_mb": _peak_mb(),
        "models_mb": round(sum(file.stat().st_size for file in files) / 1e6, 3),
        "stage_ms": {stage: percentiles(times) for stage, times in engine.times.items() if times},
        "mean_ms": {stage: round(1000 * s / result.frames, 3) for stage, s in result.stage_s.items()},
    }


def _peak_mb() -> float | None:
    """Return the peak resident memory of this process in MB, or None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def main() -> None:
    """Read the job, print the row or the error."""
    try:
        print(json.dumps(measure(json.loads(sys.argv[1]))))
    except LipsyncError as error:
        print(json.dumps({"error": str(error)}))


if __name__ == "__main__":
    main()
