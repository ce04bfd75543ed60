"""Is what `--device auto` takes the fastest? Each network of a preset, as the tuner chose it and in every other way.

    python -m benchmarks networks tuned [--presets lite hq] [--seconds 3]

The tuner measures first, into a cache of its own, as in the background of a first run but with nothing else running.
Then all ways of a network are timed once more, in turn and longer; `chosen_over_best` is the median time of what was
chosen over that of the fastest way: 1.05 is the most that is wanted. `frame` is the sum over the stages of a frame.
Rows: tuned.json.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import rows
from benchmarks.process import load_now
from lipsync_edge.models import stage_times, tuner
from lipsync_edge.models.autotune import VARIABLE
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.preset import Preset, load_preset
from lipsync_edge.models.stage_times import StageTime

WANTED = 1.05
THREADS = (None, 1)


def again(preset: Preset, name: str, seconds: float) -> list[StageTime]:
    """Return the median time of every way to run a network, one picture, all taking turns."""
    frames = stage_times.together(preset, name)
    places = [(device.name, threads) for device in tuner.devices() for threads in THREADS]
    ways = list(tuner.opened(name, tuner.example(name, frames), places))
    taken: list[list[float]] = [[] for _ in ways]
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(taken[0]) < 5:
        for way, mine in zip(ways, taken, strict=True):
            start = time.perf_counter()
            way.call()
            mine.append(1e3 * (time.perf_counter() - start) / frames)
    return [
        StageTime(device=one.device, precision=one.precision, threads=one.threads, ms=median(mine))
        for one, mine in zip(ways, taken, strict=True)
    ]


def judge(name: str, seconds: float) -> dict[str, Any]:
    """Return the row of a preset."""
    preset, load = load_preset(name), load_now()
    began = time.perf_counter()
    tuner.tune(preset, preset.networks)
    tuned_s = time.perf_counter() - began
    chosen = stage_times.chosen(EngineOptions(preset=name))
    networks, best, took = {}, {}, {}
    for network in preset.networks:
        times = again(preset, network, seconds)
        best[network] = min(times, key=lambda one: one.ms)
        way = chosen[network]
        took[network] = next(
            one
            for one in times
            if (one.device, one.precision, one.threads) == (way.device, way.precision, way.threads)
        )
        networks[network] = {
            "chosen": _said(took[network]),
            "best": _said(best[network]),
            "chosen_over_best": round(took[network].ms / best[network].ms, 3),
            "ms": {_said(one): round(one.ms, 3) for one in times},
        }
    over = stage_times.frame_ms(preset, took) / stage_times.frame_ms(preset, best)
    return {
        "preset": name,
        "load": load,
        "tuning_s": round(tuned_s, 2),
        "frame": {"chosen_over_best": round(over, 3), "wanted": WANTED, "reached": over <= WANTED},
        "networks": networks,
    }


def _said(one: StageTime) -> str:
    return f"{one.device} {one.precision} {one.threads or 'default'}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the comparison."""
    parser.add_argument("--presets", nargs="+", default=["lite", "hq"])
    parser.add_argument("--seconds", type=float, default=3.0, help="of one network, about")


def main(options: argparse.Namespace) -> None:
    """Tune, measure again, write, print."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = str(Path(folder) / "bench.json")
        for preset in options.presets:
            row = {**rows.stated(), **judge(preset, options.seconds)}
            rows.keep(options.results, "tuned", [row], ["preset"])
            print(preset, row["frame"], {n: one["chosen_over_best"] for n, one in row["networks"].items()})
