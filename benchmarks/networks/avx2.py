"""Do our int8 files give the same on a processor without VNNI? Each runs here and on an emulated Haswell (AVX2 only).

    python -m benchmarks networks avx2 [--models models_onnx] [--seconds 120]

Needs qemu-user (`qemu-x86_64`). Without VNNI, uint8 × int8 products are added in pairs in 16 bits and clipped where
they do not fit; weights of seven bits always fit (`export/qdq.py`). A row a file says the largest difference of any
output of ONNX Runtime between both processors, and whether all bits are the same. Rows: avx2.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import rows as kept
from benchmarks.networks.timed import make_inputs
from export.qdq import largest_weight
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.registry import bundled_models, read_manifest
from lipsync_edge.models.spec import load_spec

KEY = ("file", "emulated")
CPU = "Haswell"
CHILD = (
    "import sys, numpy, onnxruntime as o; p, x, y = sys.argv[1:]; s = o.InferenceSession(p); "
    "n = [v.name for v in s.get_outputs()]; "
    "numpy.savez(y, **dict(zip(n, s.run(None, dict(numpy.load(x))))))"
)


def compare(models: Path, file: str, seconds: float) -> dict[str, Any]:
    """Return the row of one int8 file."""
    import onnx

    files = read_manifest(models)
    spec = load_spec(files[file]["card"], models)
    feeds = make_inputs(spec, files[f"{spec.name}.fp32.onnx"], 1)
    here = open_backend(models / file, "cpu").run(feeds)
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder) / "x.npz", Path(folder) / "y.npz"
        np.savez(given, **feeds)  # type: ignore[arg-type]
        words = ["qemu-x86_64", "-cpu", CPU, sys.executable, "-c", CHILD]
        words += [str((models / file).resolve()), str(given), str(got)]
        subprocess.run(words, check=True, capture_output=True, timeout=seconds)
        there = dict(np.load(got))
    off = max(float(np.abs(here[name].astype(np.float64) - there[name]).max()) for name in here)
    spread = max(float(np.ptp(here[name].astype(np.float64))) for name in here)
    return {
        "file": file,
        "emulated": CPU,
        "largest_weight": largest_weight(onnx.load(str(models / file))),
        "largest_difference": off,
        "range": spread,
        "same_bits": all(np.array_equal(here[name], there[name]) for name in here),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the emulation."""
    parser.add_argument("--models", type=Path, default=bundled_models())
    parser.add_argument("--seconds", type=float, default=120.0, help="at most for one file")


def main(options: argparse.Namespace) -> None:
    """Run, keep, print."""
    for file in read_manifest(options.models):
        if file.endswith(".int8.onnx"):
            row = compare(options.models, file, options.seconds)
            print(json.dumps(row), flush=True)
            kept.keep(options.results, "avx2", [row | kept.stated()], KEY)
