"""Jobs a minute: `lipsync-edge batch`, the same on Ray, and a shell loop over `lipsync-edge run`, in turn.

    python -m benchmarks batch [--jobs 12] [--seconds 3] [--rounds 2] [--ray] [--corpus DIR]

Every round makes the same short jobs, different parts of one voice on one face, three ways: one `run` after another,
as a shell loop does it; `batch` with as many workers as it finds fastest (found once before, not counted) and an empty
cache of faces; with --ray `batch --ray` on a cluster of this machine that was started before, as clusters are. Starts
of processes, imports and loading count everywhere; the best round of each way is kept, so that other work on the
machine hits none alone. `ratio` is jobs a minute of `batch` over those of the loop, `ray_overhead` what Ray takes
longer than `batch` with the same number of workers, 0.05 being 5 %. `load` is the load average before the first round.

`--scale` makes the same jobs on Ray clusters of 1, 2 and 4 nodes of one CPU each, one worker a node. Nodes beyond the
cores of this machine share them: `cores` says how many there are, and no row beyond it says what more machines would
give. For that, what does not get faster with more nodes is measured: `again_s`, the same command when nothing is left
to make, and the processor time of the driver in both, `made_cpu_s` and `again_cpu_s`. Rows: batch.json.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile

from benchmarks import rows
from benchmarks.process import RUN, load_now
from benchmarks.source import RATE, Source, add_source_options, make_source

KEY = ("what", "face", "jobs", "seconds", "preset")


def write_jobs(source: Source, folder: Path, jobs: int, seconds: float) -> Path:
    """Cut the voice into as many short ones, and write the manifest of them."""
    voice, _ = soundfile.read(str(source.audio), dtype="float32")
    length = round(seconds * RATE)
    if source.face.parent != folder:
        shutil.copy(source.face, folder / "face.mp4")
    lines = ["face,audio,out,loop"]
    for number in range(jobs):
        begin = number * length % max(1, len(voice) - length)
        soundfile.write(str(folder / f"{number}.wav"), voice[begin : begin + length], RATE)
        lines.append(f"face.mp4,{number}.wav,{number}.mp4,pingpong")
    manifest = folder / "jobs.csv"
    manifest.write_text("\n".join(lines) + "\n", "utf-8")
    return manifest


def timed(command: list[str]) -> float:
    """Run a process to its end; return the seconds."""
    return timed_both(command)[0]


def timed_both(command: list[str]) -> tuple[float, float]:
    """Run a process to its end; return the seconds, and those of processor time, its children's included."""
    began, before = time.perf_counter(), _of_children()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[-8:])} ended with code {done.returncode}: {done.stderr[-500:]}")
    return time.perf_counter() - began, _of_children() - before


def _of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def loop(manifest: Path, out: Path, preset: str) -> float:
    """Make the jobs one `run` after another; return the seconds."""
    out.mkdir()
    folder, took = manifest.parent, 0.0
    for line in manifest.read_text("utf-8").splitlines()[1:]:
        face, audio, name, mode = line.split(",")
        files = [str(folder / face), str(folder / audio), "-o", str(out / name)]
        took += timed(
            [sys.executable, "-c", RUN, "run", *files, "--loop", mode, "--preset", preset, "--quiet"]
        )
    return took


def batch(manifest: Path, out: Path, preset: str, *words: str) -> float:
    """Make the jobs with `batch`; return the seconds."""
    return batch_both(manifest, out, preset, *words)[0]


def batch_both(manifest: Path, out: Path, preset: str, *words: str) -> tuple[float, float]:
    """Make the jobs with `batch`; return the seconds, and those of processor time."""
    command = [sys.executable, "-c", RUN, "batch", str(manifest), "-o", str(out)]
    return timed_both([*command, "--with", f"preset={preset}", "--quiet", *words])


def best_of(ways: dict[str, Callable[[Path], float]], rounds: int, folder: Path) -> dict[str, float]:
    """Return the least seconds of each way; the ways take turns."""
    least: dict[str, float] = {}
    for number in range(rounds):
        for name, way in ways.items():
            took = way(folder / f"{name}{number}")
            least[name] = min(took, least.get(name, took))
            print(f"round {number + 1}: {name} {took:.1f} s", flush=True)
    return least


def workers_here(manifest: Path, folder: Path, preset: str) -> int:
    """Let `batch` find how many workers are fastest here; return that number."""
    import json

    command = [sys.executable, "-c", RUN, "batch", str(manifest), "-o", str(folder / "first"), "--json"]
    done = subprocess.run(
        [*command, "--with", f"preset={preset}"], capture_output=True, text=True, check=True
    )
    return int(json.loads(done.stdout)["workers"]["workers"])


def compared(source: Source, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the row of loop, batch and, where it was asked for, Ray."""
    manifest = write_jobs(source, folder, options.jobs, options.seconds)
    workers = workers_here(manifest, folder, options.preset)
    ways: dict[str, Callable[[Path], float]] = {
        "loop": lambda out: loop(manifest, out, options.preset),
        "batch": lambda out: batch(manifest, out, options.preset, "--workers", str(workers)),
    }
    load = load_now()
    if options.ray:
        cpus = (os.cpu_count() or 1) / workers
        with Nodes(1, os.cpu_count() or 1) as address:
            words = ("--ray", address, "--workers", str(workers), "--cpus", f"{cpus:g}")

            def on_ray(out: Path) -> float:
                clear_nodes()
                return batch(manifest, out, options.preset, *words)

            least = best_of(ways | {"ray": on_ray}, options.rounds, folder)
    else:
        least = best_of(ways, options.rounds, folder)
    minute = {name: round(60 * options.jobs / seconds, 1) for name, seconds in least.items()}
    row: dict[str, Any] = {"what": "ways", "workers": workers, "jobs_a_minute": minute}
    row |= {"ratio": round(least["loop"] / least["batch"], 3)}
    if "ray" in least:
        row["ray_overhead"] = round(least["ray"] / least["batch"] - 1, 3)
    return row | {"load": load}


def scaled(source: Source, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the row of clusters of 1, 2 and 4 nodes."""
    manifest = write_jobs(source, folder, options.jobs, options.seconds)
    load, found = load_now(), []
    for count in (1, 2, 4):
        with Nodes(count, 1) as address:
            words = ("--ray", address, "--workers", str(count), "--cpus", "1")
            times, again = [], []
            for number in range(options.rounds):
                clear_nodes()
                given = (manifest, folder / f"scale{count}.{number}", options.preset, *words)
                times.append(batch_both(*given))
                again.append(batch_both(*given))
        one = {"nodes": count, "jobs_a_minute": round(60 * options.jobs / min(times)[0], 1)}
        for name, (seconds, cpu) in {"made": min(times), "again": min(again)}.items():
            one |= {f"{name}_s": round(seconds, 2), f"{name}_cpu_s": round(cpu, 2)}
        found.append(one)
        print(found[-1], flush=True)
    return {"what": "scale", "nodes": found, "cores": os.cpu_count(), "load": load}


def clear_nodes() -> None:
    """Empty what nodes keep between batches."""
    shutil.rmtree(Path(tempfile.gettempdir()) / "lipsync-edge", ignore_errors=True)


class Nodes:
    """A Ray cluster on this machine: so many nodes, each of so many CPUs; gives its address."""

    def __init__(self, count: int, cpus: int) -> None:
        self._count, self._cpus = count, cpus

    def __enter__(self) -> str:
        """Start it."""
        # Ray's workers give way to everything else (nice 15) if nothing is said; the other ways do not
        os.environ |= {
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
        }
        from ray.cluster_utils import Cluster

        memory = 120 << 20
        head = {"num_cpus": self._cpus, "include_dashboard": False, "object_store_memory": memory}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(self._count - 1):
            self._cluster.add_node(num_cpus=self._cpus, object_store_memory=memory)
        return str(self._cluster.address)

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._cluster.shutdown()  # type: ignore[no-untyped-call]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of batches."""
    add_source_options(parser, seconds=3.0)
    parser.add_argument("--jobs", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--note", default="", help="what a reader should know, e.g. that it had priority")
    parser.add_argument("--ray", action="store_true", help="also on Ray")
    parser.add_argument("--scale", action="store_true", help="clusters of 1, 2 and 4 nodes instead")


def main(options: argparse.Namespace) -> None:
    """Make the clip and the voices, measure, keep a row."""
    origin = rows.stated()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_source(options, folder, seconds=options.seconds * options.jobs)
        row = (scaled if options.scale else compared)(source, folder, options)
    told = {"face": source.said, "jobs": options.jobs, "seconds": options.seconds, "preset": options.preset}
    told["rounds"] = options.rounds
    row = {**{name: origin[name] for name in ("when", "commit")}, **told, **row, "note": options.note}
    row |= {"machine": origin["machine"]}
    print({name: value for name, value in row.items() if name != "machine"})
    rows.keep(options.results, "batch", [row], KEY)
