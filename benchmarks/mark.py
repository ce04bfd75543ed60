"""Time the marks of a finished file: seconds, bytes and memory that metadata, a signed manifest and its check take.

    python -m benchmarks mark [--megabytes 1 20 200] [--times 7]

Each film is made of one encoded second, repeated to its size. Steps take turns in one run: `copy` is what writing the
file once more takes on this disk, `mark` writes metadata and a signed copy and reads it back, `check` is what
`lipsync-edge mark check` does; `cpu` is time of the processor, which other work changes less. `first_s` holds what the
first mark of a process takes more: loading the library and making an identity. Rows: mark.json.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from benchmarks import rows
from benchmarks.source import FPS, HEIGHT, WIDTH, widescreen
from lipsync_edge.demo import demo_files
from lipsync_edge.mark.apply import mark_file
from lipsync_edge.mark.check import check_marks
from lipsync_edge.mark.facts import Facts, Ingredient
from lipsync_edge.mark.identity import own_identity
from lipsync_edge.video.still_image import read_image
from lipsync_edge.video.writer import VideoFormat, VideoWriter

FIRST = """
import sys, time; from pathlib import Path; began = time.perf_counter()
from lipsync_edge.mark.apply import mark_file; from lipsync_edge.mark.facts import Facts
from lipsync_edge.mark.identity import own_identity; from lipsync_edge.machine import resident_bytes
before = resident_bytes()
mark_file(Path(sys.argv[1]), Facts(), own_identity(None), tagged=True)
print(time.perf_counter() - began, (resident_bytes() - before) / 2**20)
"""


def film(folder: Path, megabytes: float) -> Path:
    """Write a film of about so many megabytes: one encoded second, repeated."""
    second, out = folder / "second.mp4", folder / "film.mp4"
    picture = widescreen(read_image(demo_files()[0]))
    what = VideoFormat(width=WIDTH, height=HEIGHT, fps=FPS, time_base=1 / FPS, crf=4)
    with VideoWriter(second, what) as writer:
        for index in range(25):
            writer.write(picture, Fraction(index) / FPS)
    times = max(1, round(megabytes * 1e6 / second.stat().st_size))
    with av.open(str(second)) as source, av.open(str(out), "w", options={"movflags": "+faststart"}) as made:
        stream = made.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        length = round(1 / packets[0].time_base)
        kept = [(bytes(one), one.pts, one.dts, one.is_keyframe, one.time_base) for one in packets]
        for number in range(times):
            for data, pts, dts, key, base in kept:
                packet = av.Packet(data)
                packet.pts, packet.dts, packet.time_base = pts + number * length, dts + number * length, base
                packet.is_keyframe, packet.stream = key, stream
                made.mux(packet)
    return out


def measured(path: Path, times: int) -> dict[str, Any]:
    """Return seconds of each step, by the clock and of the processor, medians, and the bytes that the marks add."""
    identity, added = own_identity(None), 0
    taken: dict[str, list[tuple[float, float]]] = {"copy": [], "mark": [], "check": []}
    made = path.with_name("made.mp4")

    def step(name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter(), time.process_time()
        done = work()
        taken[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
        return done

    facts = Facts(ingredients=(Ingredient("face", path),))
    for _ in range(times):
        step("copy", lambda: shutil.copyfile(path, made))
        report = step("mark", lambda: mark_file(made, facts, identity, tagged=True))
        assert report.layers == ("metadata", "c2pa"), report.failure
        assert step("check", lambda: check_marks(made)).intact
        added = report.added_bytes
    out: dict[str, Any] = {"bytes": path.stat().st_size, "added_bytes": added, "n": times}
    for name, pairs in taken.items():
        clock, processor = (statistics.median(values) for values in zip(*pairs, strict=True))
        out |= {f"{name}_s": round(clock, 4), f"{name}_cpu_s": round(processor, 4)}
    return out


def first(path: Path) -> dict[str, float]:
    """Return what the first mark of a process takes, in seconds, and the memory that it adds, in MiB."""
    made = path.with_name("first.mp4")
    shutil.copyfile(path, made)
    said = subprocess.run(
        [sys.executable, "-c", FIRST, str(made)], capture_output=True, text=True, check=True
    ).stdout.split()
    return {"first_s": round(float(said[0]), 3), "memory_mb": round(float(said[1]), 1)}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --megabytes and --times."""
    parser.add_argument("--megabytes", type=float, nargs="+", default=[1, 20, 200], help="sizes of the films")
    parser.add_argument("--times", type=int, default=7, help="of each step")


def main(options: argparse.Namespace) -> None:
    """Measure and keep the rows."""
    found = []
    for megabytes in options.megabytes:
        origin = rows.stated()
        with tempfile.TemporaryDirectory() as folder:
            path = film(Path(folder), megabytes)
            found.append({**origin, "megabytes": megabytes, **measured(path, options.times), **first(path)})
        print({key: value for key, value in found[-1].items() if key != "machine"})
    print(rows.keep(options.results, "mark", found, ("megabytes",)))
