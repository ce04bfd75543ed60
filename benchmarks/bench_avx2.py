"""Do our int8 files give the same on a processor without VNNI? Each runs here and on an emulated Haswell (AVX2 only).

    python -m benchmarks.bench_avx2 [--models models_onnx] [--seconds 120]

Needs qemu-user (`qemu-x86_64`). Without VNNI, uint8 × int8 products are added in pairs in 16 bits and clipped where
they do not fit; weights of seven bits always fit (`export/qdq.py`). One row a file in benchmarks/results/avx2.json:
the largest difference of any output of ONNX Runtime between both processors, and whether all bits are the same.
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

from benchmarks.bench_networks import make_inputs, processor
from export.qdq import largest_weight
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.registry import read_manifest
from lipsync_edge.models.spec import load_spec

RESULTS = Path(__file__).parent / "results" / "avx2.json"
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
    name, isa = processor()
    return {
        "file": file, "emulated": CPU, "cpu": name, "isa": isa,
        "largest_weight": largest_weight(onnx.load(str(models / file))),
        "largest_difference": off, "range": spread,
        "same_bits": all(np.array_equal(here[name], there[name]) for name in here),
    }  # fmt: skip


def main() -> None:
    """Parse the command line, run, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, default=Path("models_onnx"))
    parser.add_argument("--seconds", type=float, default=120.0, help="at most for one file")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    rows = []
    for file in read_manifest(args.models):
        if file.endswith(".int8.onnx"):
            rows.append(compare(args.models, file, args.seconds))
            print(json.dumps(rows[-1]), flush=True)
    args.out.write_text("[\n " + ",\n ".join(map(json.dumps, rows)) + "\n]\n")


if __name__ == "__main__":
    main()
