"""Time every network on every CPU runtime, precision and batch size, with torch eager beside it in the same run.

    python -m benchmarks networks [--models DIR …] [--names wav2lip …] [--batches 1 8] [--threads 2] [--rounds 15]
                                  [--seconds 20] [--missing]

Each DIR holds what `python -m export convert` and `quantize` wrote; without any the bundled networks are timed. Rounds
go through all variants of a network and batch size in turn, so that a busy moment hits each of them, and the shortest
time counts. After a warm-up there are as many rounds as fit into `--seconds`, at least one and at most `--rounds`.
Keeps the rows (networks.json) after every network and batch size, one row a variant, so that `--missing` goes on where
a run was cut off; prints a Markdown table. Torch runs the same architectures with made-up weights: their values do not
change how long it takes. Errors are those of the manifest, measured against fp32.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import rows as kept
from benchmarks.networks.eager import BUNDLED, PUBLISHED, torch_call
from benchmarks.process import load_now
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.registry import bundled_models, read_manifest
from lipsync_edge.models.spec import ModelSpec, load_spec
from lipsync_edge.types import Arrays

PRECISIONS = ("fp32", "fp16", "int8")
RUNTIMES = {"onnxruntime": "cpu", "openvino": "openvino:CPU"}
KEY = ("network", "batch")


@dataclass(frozen=True)
class Row:
    """One variant; `ms` is for the whole batch."""

    network: str
    runtime: str
    precision: str
    batch: int
    shape: str
    ms: float
    ms_median: float
    rounds: int
    gmacs_per_s: float
    megabytes: float
    error: dict[str, Any]
    times_torch: float | None
    threads: int
    load: float

    def key(self) -> tuple[str, str, str, int]:
        """Return what tells rows apart."""
        return self.network, self.runtime, self.precision, self.batch


@dataclass(frozen=True)
class Variant:
    """Something to be timed."""

    row: Row
    call: Callable[[], object]


@dataclass(frozen=True)
class Group:
    """A network at one batch size."""

    models: Path
    name: str
    batch: int
    threads: int

    def blanks(self) -> list[Row]:
        """Return the rows this group should have, without times."""
        files = read_manifest(self.models)
        feeds = make_inputs(load_spec(self.name, self.models), files[f"{self.name}.fp32.onnx"], self.batch)
        shape = " ".join("×".join(map(str, array.shape[1:])) for array in feeds.values())
        first = Row(self.name, "torch", "fp32", self.batch, shape, 0, 0, 0, 0, 0, {}, None, self.threads, 0)
        rows = [first] if find_spec("torch") and self.name in (*PUBLISHED, *BUNDLED) else []
        for runtime in RUNTIMES:
            for precision in PRECISIONS:
                facts = files.get(f"{self.name}.{precision}.onnx")
                if facts is not None and find_spec(runtime):
                    error = {k: v for k, v in facts.get("error", {}).items() if isinstance(v, float)}
                    size = facts["bytes"] / 1e6
                    rows.append(
                        replace(first, runtime=runtime, precision=precision, megabytes=size, error=error)
                    )
        return rows

    def variants(self) -> Iterator[Variant]:
        """Yield every way to run it, loaded."""
        spec = load_spec(self.name, self.models)
        entry = read_manifest(self.models)[f"{self.name}.fp32.onnx"]
        feeds = make_inputs(spec, entry, self.batch)
        for row in self.blanks():
            if row.runtime == "torch":
                yield Variant(row, torch_call(spec, feeds, self.threads))
                continue
            path = self.models / f"{self.name}.{row.precision}.onnx"
            backend = open_backend(path, RUNTIMES[row.runtime], self.threads)
            yield Variant(row, partial(backend.run, feeds))


def make_inputs(spec: ModelSpec, entry: dict[str, Any], batch: int) -> Arrays:
    """Return random inputs of the size whose multiply-adds the manifest counts."""
    rng = np.random.default_rng(0)
    feeds: Arrays = {}
    for tensor_spec in spec.inputs:
        shape = (batch, *entry["macs_at"][tensor_spec.name][1:])
        byte = tensor_spec.dtype == "uint8"
        feeds[tensor_spec.name] = (
            rng.integers(0, 256, shape, np.uint8) if byte else rng.random(shape, np.float32)
        )
    return feeds


def measure(found: Sequence[Variant], macs: int, rounds: int, seconds: float) -> list[Row]:
    """Time all variants in turn after a warm-up: at most `rounds` times, at least once, about `seconds` in all."""
    times: list[list[float]] = [[] for _ in found]
    for variant in found:
        variant.call()
    began = time.perf_counter()
    for turn in range(rounds):
        spent = time.perf_counter() - began
        if turn and spent + spent / turn > seconds:
            break
        for variant, mine in zip(found, times, strict=True):
            start = time.perf_counter()
            variant.call()
            mine.append(1e3 * (time.perf_counter() - start))
    eager = next((min(mine) for v, mine in zip(found, times, strict=True) if v.row.runtime == "torch"), None)
    return [
        replace(
            variant.row,
            ms=min(mine),
            ms_median=float(np.median(mine)),
            rounds=len(mine),
            gmacs_per_s=macs * variant.row.batch / min(mine) / 1e6,
            times_torch=eager / min(mine) if eager else None,
            load=load_now(),
        )
        for variant, mine in zip(found, times, strict=True)
    ]


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| network | runtime | precision | batch | ms | × torch | GMAC/s | MB | error |",
        "|---|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        error = ", ".join(f"{key} {value:.4g}" for key, value in row.error.items())
        times = f"{row.times_torch:.2f}" if row.times_torch else "–"
        size = f"{row.megabytes:.2f}" if row.megabytes else "–"
        lines.append(
            f"| {row.network} | {row.runtime} | {row.precision} | {row.batch} | {row.ms:.1f} | {times} "
            f"| {row.gmacs_per_s:.0f} | {size} | {error} |"
        )
    return "\n".join(lines)


def missing(path: Path, group: Group) -> bool:
    """Whether a row of the group is not there."""
    old = json.loads(path.read_text()) if path.exists() else []
    have = {(r["network"], r["runtime"], r["precision"], r["batch"]) for r in old}
    return any(row.key() not in have for row in group.blanks())


def groups(
    folders: Sequence[Path], names: Sequence[str], batches: Sequence[int], threads: int
) -> list[Group]:
    """Return every network of the folders at every batch size, those with one picture first."""
    found: dict[str, Path] = {}
    for folder in folders:
        for file in read_manifest(folder):
            name = file.removesuffix(".fp32.onnx")
            if name != file and (not names or name in names):
                found.setdefault(name, folder)
    return [Group(folder, name, batch, threads) for batch in batches for name, folder in found.items()]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of networks."""
    parser.add_argument("--models", type=Path, nargs="+", default=[bundled_models()])
    parser.add_argument("--names", nargs="*", default=[])
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 8])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=20.0, help="of one network and batch size, about")
    parser.add_argument("--missing", action="store_true", help="only what the file lacks")


def main(options: argparse.Namespace) -> None:
    """Time, keep, print."""
    for group in groups(options.models, options.names, options.batches, options.threads):
        origin = kept.stated()
        if options.missing and not missing(kept.place(options.results, "networks", origin), group):
            continue
        macs = read_manifest(group.models)[f"{group.name}.fp32.onnx"]["macs"]
        found = measure(list(group.variants()), macs, options.rounds, options.seconds)
        kept.keep(options.results, "networks", [asdict(row) | origin for row in found], KEY)
        print(table(found), flush=True)
