"""Measure the C host: what a call costs beyond making frames, with one thread and with two.

    python benchmarks/bench_c_host.py AVATAR PCM

Builds examples/c_host with this Python, runs it on a saved avatar and raw int16 mono sound of 16 kHz, and appends
what it prints to benchmarks/results/c_host.json: `overhead_us` is a call of push_into that has nothing to make.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "c_host.json"


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("avatar", type=Path)
    parser.add_argument("pcm", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    host = ROOT / "examples" / "c_host"
    rows = json.loads(args.out.read_text("utf-8")) if args.out.is_file() else []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["make", "-s", "-C", host, f"OUT={folder}", f"PYTHON={sys.executable}"], check=True)
        for threads in (1, 2):
            command = [
                Path(folder) / "c_host",
                sys.executable,
                host,
                "embed",
                args.avatar,
                args.pcm,
                os.devnull,
            ]
            done = subprocess.run(
                [*map(str, command), str(threads)],
                check=True,
                capture_output=True,
                text=True,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
            row = json.loads(done.stdout) | {"avatar": args.avatar.name, "load": round(os.getloadavg()[0], 2)}
            print(json.dumps(row))
            rows.append(row)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
