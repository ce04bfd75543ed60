"""Our int8 file against one that NNCF makes, on OpenVINO: time in turn, size, error against fp32.

    python -m benchmarks networks nncf [--models DIR] [--name edge_lips] [--calibrate FACES …] [--samples 24]
                                       [--rounds 30]

NNCF (`pip install nncf`) quantizes NAME.fp32.onnx after training, calibrated on the same inputs as ours; half of
the inputs calibrate, the other half judge. `nncf` is wholly int8, `nncf_mixed` keeps in float what ours keeps.
`figures` are those of the gate (`export/gates.py`); what is wanted is fp32 on ONNX Runtime. Ours is one ONNX for both
runtimes, NNCF's is OpenVINO's own. Rows: nncf.json, one a network.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from benchmarks import rows as kept
from export.catalogue import evaluate_gate, feeds
from export.samples import scenes
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.registry import bundled_models, read_manifest
from lipsync_edge.models.spec import load_spec
from lipsync_edge.types import Arrays

KEY = ("network",)
MADE = ("nncf", "nncf_mixed")
Run = Callable[[Arrays], Arrays]


def nncf_file(fp32: Path, inputs: Sequence[Arrays], path: Path, float_parts: Sequence[str]) -> None:
    """Write NNCF's quantized model as OpenVINO IR.

    Args:
        fp32: the float ONNX file.
        inputs: to calibrate with.
        path: the .xml file.
        float_parts: nodes whose names hold one of these stay in float.
    """
    import nncf

    scope = nncf.IgnoredScope(patterns=[f".*{re.escape(part)}.*" for part in float_parts], validate=False)
    model = ov.Core().read_model(str(fp32))
    made = nncf.quantize(model, nncf.Dataset(list(inputs)), subset_size=len(inputs), ignored_scope=scope)
    ov.save_model(made, str(path), compress_to_fp16=False)


def openvino_run(path: Path, threads: int, outputs: Sequence[str]) -> Run:
    """Return a call of an IR file with the settings that our backend uses; its ports may have other names, too."""
    settings: dict[str, Any] = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    settings["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = ov.Core().compile_model(str(path), "CPU", settings)
    names = [next(name for name in outputs if name in port.get_names()) for port in compiled.outputs]

    def run(feed: Arrays) -> Arrays:
        found = compiled(feed)
        return {name: np.asarray(found[i]) for i, name in enumerate(names)}

    return run


def timed(runs: dict[str, Run], feed: Arrays, rounds: int) -> dict[str, list[float]]:
    """Return every call's times in ms, all in turn, after three untimed calls each."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 3):
        for name, run in runs.items():
            start = time.perf_counter()
            run(feed)
            if turn >= 3:
                times[name].append(1e3 * (time.perf_counter() - start))
    return times


def compare(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Make NNCF's file, run both, return the row."""
    name, models = args.name, args.models
    fp32, ours = models / f"{name}.fp32.onnx", models / f"{name}.int8.onnx"
    spec = load_spec(name, models)
    inputs = list(feeds(spec, scenes(args.calibrate, 2 * args.samples), fp32))
    calibrating, judging = inputs[::2], inputs[1::2]
    in_float = [*spec.quant.exclude, *read_manifest(models)[ours.name].get("kept_float", [])]
    nncf_file(fp32, calibrating, work / "nncf.xml", [])
    nncf_file(fp32, calibrating, work / "nncf_mixed.xml", in_float)
    base, outputs = open_backend(fp32, "cpu"), [one.name for one in spec.outputs]
    runs = {
        "fp32": open_backend(fp32, "openvino:CPU", args.threads).run,
        "ours": open_backend(ours, "openvino:CPU", args.threads).run,
        **{kind: openvino_run(work / f"{kind}.xml", args.threads, outputs) for kind in MADE},
    }
    sizes = {
        "fp32": fp32.stat().st_size,
        "ours": ours.stat().st_size,
        **{k: sum((work / f"{k}.{ext}").stat().st_size for ext in ("xml", "bin")) for k in MADE},
    }
    want = [base.run(one) for one in judging]
    times = timed(runs, judging[0], args.rounds)
    row: dict[str, Any] = {
        "network": name,
        "threads": args.threads,
        "inputs": len(judging),
        "real_faces": bool(args.calibrate),
    }
    for kind, run in runs.items():
        verdict = evaluate_gate(spec, "int8", judging, want, [run(one) for one in judging])
        best, median = min(times[kind]), float(np.median(times[kind]))
        row[kind] = {
            "ms": best,
            "ms_median": median,
            "megabytes": sizes[kind] / 1e6,
            "figures": verdict.figures,
        }
        row[kind]["passed"] = verdict.passed
    return row


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the comparison."""
    parser.add_argument("--models", type=Path, default=bundled_models())
    parser.add_argument("--name", default="edge_lips")
    parser.add_argument("--calibrate", type=Path, nargs="*", default=[])
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)


def main(options: argparse.Namespace) -> None:
    """Compare, keep, print."""
    origin = kept.stated()
    with tempfile.TemporaryDirectory() as folder:
        row = compare(options, Path(folder)) | {"load": origin["machine"]["load"]} | origin
    kept.keep(options.results, "nncf", [row], KEY)
    print(json.dumps(row, indent=1))
