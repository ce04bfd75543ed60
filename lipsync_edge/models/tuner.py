"""Tuner: times every way to run the networks of a preset, in a process of its own, in the background of a first run.

    python -m lipsync_edge.models.tuner PRESET NETWORK…

All ways of one network take turns, so that other work hits each of them alike, and the least time of each counts.
Threads are tried with the fastest runtime and precision alone. What is measured of a network is kept at once: when
the run is over first, the next run goes on with the others.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lipsync_edge.errors import LipsyncError
from lipsync_edge.machine import usable_cores
from lipsync_edge.models import stage_times
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.devices import Device, find_device
from lipsync_edge.models.preset import Preset, load_preset
from lipsync_edge.models.registry import bundled_models, read_manifest
from lipsync_edge.models.spec import load_spec
from lipsync_edge.models.stage_times import StageTime
from lipsync_edge.types import Arrays

BUDGET_S = 1.5  # of calls that are timed, all networks together
ROUNDS = 25  # turns of all ways of a network at most
LEAST_ROUNDS = 3
PATIENCE_S = 1.0  # for the end of the process that measures
PRECISIONS = ("int8", "fp32")  # what ships
TRIED = ("cuda", "cpu", "openvino:CPU")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run a network, loaded."""

    device: str
    precision: str
    threads: int | None
    call: Callable[[], object]


def tune(preset: Preset, names: Iterable[str], *, budget_s: float = BUDGET_S) -> list[str]:
    """Time networks of a preset and keep what was found; return the names of those that were measured.

    Args:
        preset: one of the package's own.
        names: some of its networks.
        budget_s: seconds of timed calls in all; each network gets an equal part of what is left.
    """
    left = list(names)
    done: list[str] = []
    for name in left:
        share = budget_s / len(left)
        times = measure(preset, name, share)
        if times and stage_times.record(preset, name, times):
            done.append(name)
    return done


def measure(preset: Preset, name: str, budget_s: float) -> list[StageTime]:
    """Return the times of all ways to run one network here, those of the first device first."""
    feeds = example(name, stage_times.together(preset, name))
    ways = list(opened(name, feeds, [(device.name, None) for device in devices()]))
    if not ways:
        return []
    times = _taken(ways, 0.7 * budget_s)
    best = ways[int(np.argmin(times))]
    if usable_cores() > 1:
        single = list(opened(name, feeds, [(best.device, 1)], (best.precision,)))
        again = _taken([best, *single], 0.3 * budget_s)
        # the two are compared with each other: what else went on may have changed since the first turns
        ways, times = [*ways, *single], [*times, *(min(times) * ms / again[0] for ms in again[1:])]
    frames = stage_times.together(preset, name)
    return [
        StageTime(device=one.device, precision=one.precision, threads=one.threads, ms=round(ms / frames, 4))
        for one, ms in zip(ways, times, strict=True)
    ]


def devices() -> list[Device]:
    """Return the devices that may run here, the one that "auto" takes unmeasured first."""
    return [find_device(name) for name in TRIED if find_spec(find_device(name).runtime)]


def example(name: str, frames: int) -> Arrays:
    """Return random inputs of a bundled network, of the size that its manifest counts, for so many frames."""
    rng, spec = np.random.default_rng(0), load_spec(name)
    files = read_manifest(bundled_models())
    sizes = next(files[file]["macs_at"] for kind in PRECISIONS if (file := f"{name}.{kind}.onnx") in files)
    feeds: Arrays = {}
    for tensor in spec.inputs:
        shape = (frames, *sizes[tensor.name][1:])
        is_byte = tensor.dtype == "uint8"
        feeds[tensor.name] = (
            rng.integers(0, 256, shape, np.uint8) if is_byte else rng.random(shape, np.float32)
        )
    return feeds


def opened(
    name: str,
    feeds: Arrays,
    places: Sequence[tuple[str, int | None]],
    precisions: Sequence[str] = PRECISIONS,
) -> Iterator[Way]:
    """Open a network in every way that works here, and call each once: a first call is slower."""
    for device, threads in places:
        for precision in precisions:
            path = bundled_models() / f"{name}.{precision}.onnx"
            if path.is_file():
                with suppress(LipsyncError):
                    way = Way(
                        device, precision, threads, partial(open_backend(path, device, threads).run, feeds)
                    )
                    way.call()
                    yield way


def _taken(ways: Sequence[Way], budget_s: float) -> list[float]:
    """Return the least time of each way in ms, all of them taking turns."""
    times: list[list[float]] = [[] for _ in ways]
    began = time.perf_counter()
    for turn in range(ROUNDS):
        if turn >= LEAST_ROUNDS and time.perf_counter() - began > budget_s:
            break
        for way, mine in zip(ways, times, strict=True):
            start = time.perf_counter()
            way.call()
            mine.append(1e3 * (time.perf_counter() - start))
    return [min(mine) for mine in times]


@contextmanager
def in_background(preset: str, names: Sequence[str]) -> Iterator[None]:
    """Tune networks in another process meanwhile; it is ended with the block. Nothing to measure: nothing is begun."""
    if not names or not sys.executable or getattr(sys, "frozen", False):
        yield
        return
    command = [sys.executable, "-m", __spec__.name, preset, *names]
    quiet = subprocess.DEVNULL
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, _import_path()))}
    try:
        process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, env=variables)
    except OSError:  # no memory, no more processes: the run goes on without
        yield
        return
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _import_path() -> list[str]:
    """Return where the other process finds this very package."""
    return [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]


def main(argv: Sequence[str]) -> None:
    """Tune; SIGTERM ends it between two lines of Python, so that no half-written file is left."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tune(load_preset(argv[0]), argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
