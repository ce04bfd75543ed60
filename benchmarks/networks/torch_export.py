"""Are the cleaned graphs no slower than what torch's own exporter writes? Both files, in turn, on both runtimes.

    python -m benchmarks networks torch-export [--names wav2lip s3fd bisenet rrdbnet] [--rounds 7] [--threads 2]

Networks have torch's initial weights (values do not change the time). Rows: export.json.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from benchmarks import rows as kept
from export.catalogue import published
from export.convert import Job, jobs, make_inputs, write_graph
from lipsync_edge.models.backend import open_backend

KEY = ("network", "runtime")
SIZES = {
    "s3fd": {"batch": 1, "height": 180, "width": 320},
    "rrdbnet": {"batch": 1, "height": 48, "width": 48},
    "bisenet": {"batch": 1, "height": 512, "width": 512},
}


def torch_export(job: Job, feeds: dict[str, np.ndarray], path: Path) -> None:
    """Write the published network, not folded, with torch's current exporter and its own clean-up.

    Args:
        job: whose `reference` is written; the axes that it names stay free, as in ours.
        feeds: examples of batch 2, since the exporter takes an axis of 1 for a fixed one.
        path: the file.
    """
    free = [
        {i: torch.export.Dim.AUTO for i, axis in enumerate(axes) if isinstance(axis, str)}
        for axes in job.inputs.values()
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            job.reference,
            tuple(torch.from_numpy(feed) for feed in feeds.values()),
            str(path),
            input_names=list(job.inputs),
            output_names=list(job.outputs),
            dynamic_shapes=free,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def compare(name: str, rounds: int, threads: int) -> list[dict[str, object]]:
    """Return one row a runtime: shortest time of both files in ms."""
    job = jobs(name, published(name).build().eval(), plain=True)[0]
    sizes = SIZES.get(name, {"batch": 1})
    feeds = make_inputs(job, sizes)
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours.onnx", Path(folder) / "theirs.onnx"
        write_graph(job, ours)
        torch_export(job, make_inputs(job, sizes | {"batch": 2}), theirs)
        for runtime in ("cpu", "openvino:CPU") if find_spec("openvino") else ("cpu",):
            backends = [open_backend(path, runtime, threads) for path in (ours, theirs)]
            times: list[list[float]] = [[], []]
            both = list(zip(backends, times, strict=True))
            for turn in range(rounds + 1):
                for backend, mine in both if turn % 2 else both[::-1]:  # neither is always the first
                    start = time.perf_counter()
                    backend.run(feeds)
                    if turn:
                        mine.append(1e3 * (time.perf_counter() - start))
            best = [min(mine) for mine in times]
            rows.append({"network": name, "runtime": runtime, "ours_ms": best[0], "torch_export_ms": best[1]})
    return rows


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the comparison."""
    parser.add_argument("--names", nargs="*", default=["wav2lip", "s3fd", "bisenet", "rrdbnet"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)


def main(options: argparse.Namespace) -> None:
    """Time, keep, print."""
    torch.set_num_threads(1)
    print("| network | runtime | ours, ms | torch's export, ms |\n|---|---|--:|--:|")
    for name in options.names:
        origin = kept.stated()
        rows = compare(name, options.rounds, options.threads)
        kept.keep(options.results, "export", [row | origin for row in rows], KEY)
        for row in rows:
            print(
                f"| {name} | {row['runtime']} | {row['ours_ms']:.1f} | {row['torch_export_ms']:.1f} |",
                flush=True,
            )
