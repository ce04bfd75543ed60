"""Time every network on every CPU runtime, precision and batch size, with torch eager beside it in the same run.

    python benchmarks/bench_networks.py --models DIR [--names wav2lip …] [--batches 1 8] [--threads 2] [--rounds 5]

DIR holds what `python -m export convert` and `quantize` wrote (or is models_onnx/). Rounds go through all variants in
turn, so that a busy moment hits each of them, and the shortest time counts. Writes benchmarks/results/networks.json
(one row a variant) and prints a Markdown table. Torch runs published architectures with made-up weights: their values
do not change how long it takes. Errors are those of the manifest, measured against fp32.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lipsync_edge.backend import Arrays, open_backend
from lipsync_edge.card import ModelCard, load_card
from lipsync_edge.network import read_manifest

RESULTS = Path(__file__).parent / "results" / "networks.json"
HEAVY_MACS = 50e9  # a network this heavy is timed with one picture only
PRECISIONS = ("fp32", "fp16", "int8")


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
    gmacs_per_s: float
    megabytes: float
    error: dict[str, Any]
    times_torch: float
    threads: int
    cpu: str
    vnni: bool
    load: float


@dataclass(frozen=True)
class Variant:
    """Something to be timed."""

    row: Row
    call: Callable[[], object]


def processor() -> tuple[str, bool]:
    """Return the CPU's name and whether it has VNNI."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor(), False
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    table = {key.strip(): value.strip() for key, value in fields.items()}
    return table.get("model name", platform.machine()), "vnni" in table.get("flags", "")


def make_inputs(card: ModelCard, entry: dict[str, Any], batch: int) -> Arrays:
    """Return random inputs of the size whose multiply-adds the manifest counts."""
    rng = np.random.default_rng(0)
    feeds: Arrays = {}
    for spec in card.inputs:
        shape = (batch, *entry["macs_at"][spec.name][1:])
        byte = spec.dtype == "uint8"
        feeds[spec.name] = rng.integers(0, 256, shape, np.uint8) if byte else rng.random(shape, np.float32)
    return feeds


def torch_call(card: ModelCard, feeds: Arrays, threads: int) -> Callable[[], object] | None:
    """Return the published network in torch eager on the same inputs, or None for a network of our own."""
    if not find_spec("torch") or card.name not in ("wav2lip", "s3fd", "bisenet", "rrdbnet"):
        return None
    import torch

    from export.graphs import GRAPHS
    from export.networks import NETWORKS

    torch.set_num_threads(threads)
    graph = GRAPHS[card.name](NETWORKS[card.name]().eval(), card).eval()
    tensors = [torch.from_numpy(feeds[spec.name]) for spec in card.inputs]

    def call() -> object:
        with torch.inference_mode():
            return graph(*tensors)

    return call


def variants(models: Path, name: str, batches: Sequence[int], threads: int) -> list[Variant]:
    """Return every way to run one network."""
    files = read_manifest(models)
    entry = files[f"{name}.fp32.onnx"]
    card = load_card(name, models)
    cpu, vnni = processor()
    found = []
    for batch in batches:
        if batch > 1 and entry["macs"] > HEAVY_MACS:
            continue
        feeds = make_inputs(card, entry, batch)
        shape = " ".join("×".join(map(str, array.shape[1:])) for array in feeds.values())
        blank = Row(name, "torch", "fp32", batch, shape, 0, 0, 0, 0, {}, 1, threads, cpu, vnni, 0)
        eager = torch_call(card, feeds, threads)
        if eager:
            found.append(Variant(blank, eager))
        for runtime in ("cpu", "openvino:CPU"):
            if runtime.startswith("openvino") and not find_spec("openvino"):
                continue
            for precision in PRECISIONS:
                facts = files.get(f"{name}.{precision}.onnx")
                if facts is None:
                    continue
                backend = open_backend(models / f"{name}.{precision}.onnx", runtime, threads)
                label = "onnxruntime" if runtime == "cpu" else "openvino"
                error = {k: v for k, v in facts.get("error", {}).items() if isinstance(v, float)}
                row = replace(
                    blank, runtime=label, precision=precision, megabytes=facts["bytes"] / 1e6, error=error
                )
                found.append(Variant(row, lambda b=backend, f=feeds: b.run(f)))
    return found


def measure(found: Sequence[Variant], macs: int, rounds: int) -> list[Row]:
    """Time all variants in turn, `rounds` times after a warm-up."""
    times: list[list[float]] = [[] for _ in found]
    for turn in range(rounds + 1):
        for variant, mine in zip(found, times, strict=True):
            start = time.perf_counter()
            variant.call()
            if turn:
                mine.append(1e3 * (time.perf_counter() - start))
    rows = []
    for variant, mine in zip(found, times, strict=True):
        row, best = variant.row, min(mine)
        rate = macs * row.batch / best / 1e6
        load = Path("/proc/loadavg").read_text().split()[0] if Path("/proc/loadavg").exists() else "nan"
        rows.append(
            replace(row, ms=best, ms_median=float(np.median(mine)), gmacs_per_s=rate, load=float(load))
        )
    eager = {row.batch: row.ms for row in rows if row.runtime == "torch"}
    return [
        replace(row, times_torch=eager[row.batch] / row.ms if row.batch in eager else float("nan"))
        for row in rows
    ]


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| network | runtime | precision | batch | ms | × torch | GMAC/s | MB | error |",
        "|---|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        error = ", ".join(f"{key} {value:.4g}" for key, value in row.error.items())
        times = f"{row.times_torch:.2f}" if row.times_torch == row.times_torch else "–"
        size = f"{row.megabytes:.2f}" if row.megabytes else "–"
        lines.append(
            f"| {row.network} | {row.runtime} | {row.precision} | {row.batch} | {row.ms:.1f} | {times} "
            f"| {row.gmacs_per_s:.0f} | {size} | {error} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, time, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--names", nargs="*")
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 8])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    files = read_manifest(args.models)
    names = args.names or [file.removesuffix(".fp32.onnx") for file in files if file.endswith(".fp32.onnx")]
    rows: list[Row] = []
    for name in names:
        found = variants(args.models, name, args.batches, args.threads)
        rows += measure(found, files[f"{name}.fp32.onnx"]["macs"], args.rounds)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    old = json.loads(args.out.read_text()) if args.out.exists() else []
    kept = [row for row in old if row["network"] not in names]
    text = ",\n ".join(json.dumps(row) for row in [*kept, *map(asdict, rows)])
    args.out.write_text(f"[\n {text}\n]\n")
    print(table(rows))


if __name__ == "__main__":
    main()
