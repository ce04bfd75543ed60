"""How much faster `lipsync-edge run` is than the published pipeline, both measured in one run, in turn.

    python -m benchmarks reference [--rounds 2] [--only lite hq …] [--corpus DIR]

One clip of 1280x720 at 25 fps and one voice go through `benchmarks/reference/pipeline.py`, the published wav2lip-hq in
torch eager, and through every configuration below, each in a process of its own; a round is the reference and then all
of them. Networks of the published shapes have made-up numbers: `benchmarks/reference/untrained.py` makes them first,
where they are not there yet (that takes minutes, once, and is not in the figures).

Both sides decode, find the face, make, paste and encode. The reference's time leaves out Python, torch, loading and one
warm-up frame; ours is the whole process, start, loading and last rename included. `fps` and `reference_fps` are means
over rounds (frames over seconds), `ratio` their quotient, `ratios` that of each round; `ratio_run` is the quotient with
our start left out as the reference's is, which matters where few frames are made. `load` is the machine's load average
before the first round of a row: above half a core other work took part of the machine. Rows: ratio.json; what `--only`
leaves out keeps its rows under `earlier`, with the reference of their own run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.process import load_now, measured, run_once
from benchmarks.reference import untrained
from benchmarks.source import Source, add_source_options, make_source

REFERENCE_FRAMES = 3
FOUND = "found by the bundled detector in every fourth frame"
CONSTANT = "the untrained detector runs on every whole frame and always answers the clip's box"
GIVEN = "the untrained detector runs on a small copy of every eighth frame; the box itself is given (--box)"


@dataclass(frozen=True, slots=True)
class Configuration:
    """One way to run, how long a result it makes, and what is hoped of it.

    Attributes:
        name: of the row.
        preset: what `--preset` takes.
        seconds: of the result, at 25 fps.
        face: how the face's box came about.
        device: what `--device` takes.
        seldom: detect on a small copy of every eighth frame instead of as the preset says.
        least_fps: the target, or 0.
        least_ratio: the target, or 0.
    """

    name: str
    preset: str
    seconds: float
    face: str = FOUND
    device: str = "auto"
    seldom: bool = False
    least_fps: float = 0.0
    least_ratio: float = 0.0

    def options(self, box: Sequence[float]) -> list[str]:
        """Return the words after `run FACE AUDIO -o OUT`."""
        words = ["--preset", self.preset, "--device", self.device, "--precision", "int8"]
        if not self.preset.startswith("wav2lip"):
            return words
        words += ["--models", str(untrained.FOLDER)]
        given = ",".join(f"{edge:g}" for edge in box)
        return words + (
            ["--detect-every", "8", "--detect-side", "320", "--box", given] if self.seldom else []
        )


CONFIGURATIONS = (
    Configuration("lite", "lite", 40.0, device="cpu", least_fps=60.0, least_ratio=300.0),
    Configuration("hq", "hq", 40.0, device="cpu", least_fps=30.0),
    Configuration("wav2lip-soft", "wav2lip-soft", 12.0, device="openvino", least_fps=20.0),
    Configuration("wav2lip seldom", "wav2lip", 12.0, GIVEN, "openvino", seldom=True, least_fps=20.0),
    Configuration("wav2lip seldom, onnxruntime", "wav2lip", 8.0, GIVEN, "cpu", seldom=True, least_fps=20.0),
    Configuration("wav2lip", "wav2lip", 1.0, CONSTANT, "openvino"),
    Configuration("wav2lip-hq seldom", "wav2lip-hq", 2.0, GIVEN, "openvino", seldom=True, least_ratio=5.0),
    Configuration("wav2lip-hq", "wav2lip-hq", 1.0, CONSTANT, "openvino", least_ratio=5.0),
)


def run_reference(source: Source, folder: Path) -> dict[str, Any]:
    """Time the published pipeline once; return frames, seconds, fps and stages."""
    report = folder / "reference.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "reference",
        "pipeline",
        str(source.face),
        str(source.audio),
    ]
    command += ["--checkpoints", str(untrained.FOLDER), "--frames", str(REFERENCE_FRAMES)]
    load = load_now()
    found = measured([*command, "-o", str(folder / "reference.mp4"), "--report", str(report)], report)[
        "report"
    ]
    found["load"] = load
    found["fps"] = found["frames"] / found["elapsed_s"]
    return found


def run_ours(one: Configuration, source: Source, folder: Path) -> dict[str, Any]:
    """Time one configuration once; return what `process.run_once` does, and fps."""
    box = json.loads((untrained.FOLDER / "box.json").read_text())
    found = run_once(source, folder, one.options(box))
    return found | {"fps": found["report"]["frames"] / found["wall_s"]}


def row_of(one: Configuration, ours: Sequence[dict[str, Any]], theirs: Sequence[float]) -> dict[str, Any]:
    """Join the rounds of one configuration into a row."""
    report = ours[0]["report"]
    frames = report["frames"]
    fps = mean_rate([run["fps"] for run in ours])
    ratio = fps / mean_rate(theirs)
    fps_run = mean_rate([run["report"]["frames"] / run["report"]["elapsed_s"] for run in ours])
    row: dict[str, Any] = {
        **{key: value for key, value in asdict(one).items() if key not in ("seldom", "device", "seconds")},
        "size": f"{report['width']}x{report['height']}",
        "n": frames,
        "rounds": len(ours),
        "fps": round(fps, 2),
        "fps_run": round(fps_run, 2),
        "reference_fps": round(mean_rate(theirs), 4),
        "ratio": round(ratio, 1),
        "ratio_run": round(fps_run / mean_rate(theirs), 1),
        "ratios": [round(run["fps"] / rate, 1) for run, rate in zip(ours, theirs, strict=True)],
        "cpu_ms": round(1000 * sum(run["cpu_s"] for run in ours) / frames / len(ours), 2),
        "peak_mb": round(max(run["peak_mb"] for run in ours), 1),
        "frames_without_face": report["frames_without_face"],
        "devices": report["devices"],
        "precisions": report["precisions"],
        "load": round(ours[0]["load"], 2),
    }
    aimed = one.least_fps or one.least_ratio
    row["reached"] = fps >= one.least_fps and ratio >= one.least_ratio if aimed else None
    return row


def mean_rate(rates: Sequence[float]) -> float:
    """Return the mean of rates over equal numbers of frames: the harmonic one."""
    return len(rates) / sum(1 / rate for rate in rates)


def compare(chosen: Sequence[Configuration], options: argparse.Namespace) -> dict[str, Any]:
    """Prepare, then go round; return everything that is written."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = make_source(options, folder, seconds=1.0)
        for line in untrained.make(short.face, untrained.FOLDER):
            say(line)
        sources = {
            one.name: replace(short, audio=make_source(options, folder, seconds=one.seconds).audio)
            for one in chosen
        }
        origin = rows.stated()
        theirs: list[dict[str, Any]] = []
        ours: dict[str, list[dict[str, Any]]] = {one.name: [] for one in chosen}
        for turn in range(options.rounds):
            theirs.append(run_reference(short, folder))
            say(f"round {turn + 1}: reference {theirs[-1]['fps']:.3f} fps")
            for one in chosen:
                ours[one.name].append(run_ours(one, sources[one.name], folder))
                say(f"round {turn + 1}: {one.name} {ours[one.name][-1]['fps']:.1f} fps")
    rates = [run["fps"] for run in theirs]
    return {
        **origin,
        "clip": short.said,
        "reference": theirs,
        "rows": [row_of(one, ours[one.name], rates) for one in chosen],
    }


def joined(found: dict[str, Any], older: dict[str, Any] | None) -> dict[str, Any]:
    """Return a run with those rows of older runs that it did not measure anew, each beside its own reference."""
    measured = {row["name"] for row in found["rows"]}
    earlier: list[dict[str, Any]] = []
    for run in [] if older is None else [older, *older.get("earlier", [])]:
        left = [row for row in run["rows"] if row["name"] not in measured]
        measured |= {row["name"] for row in left}
        if left:
            earlier.append({key: value for key, value in run.items() if key != "earlier"} | {"rows": left})
    return found | ({"earlier": earlier} if earlier else {})


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr, flush=True)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the comparison."""
    add_source_options(parser, seconds=1.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="*", choices=[one.name for one in CONFIGURATIONS], default=[])


def main(options: argparse.Namespace) -> None:
    """Compare, write, print."""
    chosen = [one for one in CONFIGURATIONS if not options.only or one.name in options.only]
    found = compare(chosen, options)
    place = rows.place(options.results, "ratio", found)
    older = json.loads(place.read_text("utf-8")) if place.is_file() else None
    rows.write(options.results, "ratio", joined(found, older))
    for row in found["rows"]:
        said = {True: "reached", False: "NOT reached", None: "no target"}[row["reached"]]
        print(f"{row['name']:28} {row['fps']:7.2f} fps  {row['ratio']:8.1f} x the reference  {said}")
