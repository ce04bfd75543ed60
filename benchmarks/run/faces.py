"""What the second face costs: `run` on a film with two faces, one of them driven and both, in turn.

    python -m benchmarks run faces [--rounds 5] [--seconds 6] [--preset lite] [--mouth painted]

The film is made of the demo's face, twice side by side. A round is one voice on the left face, then a voice on each,
with the mouths that the networks make; `--mouth auto` looks the film through before and moves the faces' own lips.
`ratio` is the median over rounds of time with two over time with one, `cpu_ratio` the same of processor time, which
other work on the machine changes less. Rows: faces.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import lipsync_edge as le
from benchmarks import rows
from lipsync_edge.demo import demo_files
from lipsync_edge.video.reader import read_still
from lipsync_edge.video.writer import VideoFormat, VideoWriter

SIDE = 512  # pixels of one face's half of the film


def film(path: Path, seconds: float) -> Path:
    """Write the demo's face twice side by side, swaying a little."""
    from fractions import Fraction

    face = cv2.resize(read_still(demo_files()[0]), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    other = np.ascontiguousarray(np.clip(face[:, ::-1] * np.array([0.8, 0.95, 1.1]), 0, 255)).astype(np.uint8)
    what = VideoFormat(width=2 * SIDE, height=SIDE, fps=Fraction(25), time_base=Fraction(1, 25))
    with VideoWriter(path, what) as writer:
        for i in range(round(25 * seconds)):
            shift = np.array([[1, 0, 6 * np.sin(i / 9)], [0, 1, 4 * np.sin(i / 7)]], np.float32)
            halves = [
                cv2.warpAffine(one, shift, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
                for one in (face, other)
            ]
            writer.write(np.hstack(halves), Fraction(i, 25))
    return path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--mouth", choices=("painted", "auto"), default="painted")


def main(options: argparse.Namespace) -> None:
    """Measure, keep the row and print it."""
    origin = rows.stated()
    engine = le.load(preset=options.preset, threads=1)
    speech = demo_files()[1]
    what = le.RunOptions(end=options.seconds, mouth=options.mouth)
    ways = {"one": ["left"], "two": ["left", "right"]}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        source = film(Path(folder) / "film.mp4", options.seconds)
        for number in range(options.rounds + 1):  # the first is not counted
            for name, people in ways.items():
                cpu, began = time.process_time(), time.perf_counter()
                voices = dict.fromkeys(people, speech)
                result = engine.run(source, None, Path(folder) / "out.mp4", voices=voices, options=what)
                took = time.perf_counter() - began, time.process_time() - cpu
                assert len(result.people) == len(people)
                assert all(one.frames == result.frames for one in result.people)
                if number:
                    taken[name].append(took)
    both = [[b[k] / a[k] for a, b in zip(taken["one"], taken["two"], strict=True)] for k in (0, 1)]
    row = {
        **origin,
        "preset": options.preset,
        "mouth": options.mouth,
        "precisions": engine.networks["lips"].precision,
        "rounds": options.rounds,
        "frames": round(25 * options.seconds),
        "ratio": round(statistics.median(both[0]), 3),
        "spread": [round(min(both[0]), 3), round(max(both[0]), 3)],
        "cpu_ratio": round(statistics.median(both[1]), 3),
        "cpu_spread": [round(min(both[1]), 3), round(max(both[1]), 3)],
        "cpu_s": {name: [round(cpu, 3) for _, cpu in runs] for name, runs in taken.items()},
    }
    print(row)
    print(rows.keep(options.results, "faces", [row], ["preset", "mouth"]))
