"""Measure how long one waits: for `import lipsync_edge`, and for the first frame that `lipsync-edge run` writes.

    python -m benchmarks run start [--times 7] [--corpus DIR]

Every figure is of a fresh process, files in the disk cache (one run before is not counted). `import_ms` is the import
alone, Python's own start not counted; `heavy` what it loaded of the modules that cost much. `first_frame_s` goes from
the start of Python until the encoder has taken the first frame of a 1280x720 clip, the command line, all imports and
the loading and checking of the models included (`lipsync-edge bench` leaves the command line out). Medians; `worst`
beside them. Rows: start.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.process import load_now
from benchmarks.source import add_source_options, make_source

HEAVY = ("numpy", "cv2", "av", "onnxruntime", "openvino", "torch", "matplotlib", "typer", "rich")
MOST_IMPORT_MS, MOST_FIRST_S = 150.0, 1.5
IMPORT = f"""
import sys, time, json
began = time.perf_counter()
import lipsync_edge
ms = 1000 * (time.perf_counter() - began)
print(json.dumps([ms, [name for name in {HEAVY!r} if name in sys.modules]]))
"""
FIRST = """
import sys, time
from lipsync_edge.video import writer
write, place = writer.VideoWriter._write, sys.argv.pop(1)
def noting(self, *frame):
    write(self, *frame)
    writer.VideoWriter._write = write
    with open(place, "w") as file:
        file.write(str(time.time()))
writer.VideoWriter._write = noting
from lipsync_edge.cli.main import main
main()
"""


def import_once() -> tuple[float, list[str]]:
    """Return the milliseconds of `import lipsync_edge` in a fresh process, and the heavy modules it loaded."""
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    ms, heavy = json.loads(done.stdout)
    return ms, heavy


def first_frame_once(preset: str, face: Path, audio: Path, folder: Path) -> float:
    """Return the seconds from the start of a fresh process to the first frame written."""
    noted = folder / "first"
    words = ["run", str(face), str(audio), "-o", str(folder / "out.mp4"), "--preset", preset, "--quiet"]
    began = time.time()
    subprocess.run([sys.executable, "-c", FIRST, str(noted), *words], check=True)
    return float(noted.read_text()) - began


def summary(times: list[float], most: float) -> dict[str, Any]:
    """Return the median, the worst and n of some times, and whether the median is below `most`."""
    median = statistics.median(times)
    return {
        "median": round(median, 3),
        "worst": round(max(times), 3),
        "n": len(times),
        "target": most,
        "reached": median < most,
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of starts."""
    add_source_options(parser, seconds=1.0)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--presets", nargs="+", default=["lite", "hq"])


def main(options: argparse.Namespace) -> None:
    """Measure, write, print."""
    origin = rows.stated()
    imports = [import_once() for _ in range(options.times + 1)][1:]
    found: dict[str, Any] = {
        **origin,
        "import_ms": summary([ms for ms, _ in imports], MOST_IMPORT_MS),
        "heavy": imports[0][1],
        "first_frame_s": {},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_source(options, folder)
        found["face"] = source.said
        for preset in options.presets:
            load, times = load_now(), []
            for _ in range(options.times + 1):
                times.append(first_frame_once(preset, source.face, source.audio, folder))
            found["first_frame_s"][preset] = {**summary(times[1:], MOST_FIRST_S), "load": load}
    rows.write(options.results, "start", found)
    print(json.dumps({key: value for key, value in found.items() if key != "machine"}, indent=1))
