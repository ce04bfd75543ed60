"""Is one checkout slower than another? Both in turn, in one run, on the same source: `run` and live, each preset.

    python -m benchmarks compare BEFORE [AFTER] [--rounds 5] [--seconds 20] [--presets lite hq] [--corpus DIR]

BEFORE and AFTER are commits; each gets a git worktree in a temporary folder, removed at the end. Without AFTER it
is this checkout as it is, changes included. A round is BEFORE, AFTER for every preset, `run` and live, each in a
process of its own that uses the public interface only (`side.py`), after a short run that is not counted. Both sides
run the networks of their own checkout; `same_networks` says whether those are the same files.

A row's `ratio` is BEFORE's fps over AFTER's fps, that is AFTER's time a frame over BEFORE's: 1.03 is three percent
slower. It is the median over rounds, `ratios` has each and `spread` is the least and the largest; `cpu_ratio` is the
same of processor time, which other work on the machine changes less. `no_slower` says whether `ratio` is at most
1 + `--margin`. `same_output` says whether what both wrote has equal bits (of `run` the file, of live the pictures).
Rows: compare.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.source import Source, add_source_options, make_source

SIDE = Path(__file__).with_name("side.py")
WHATS = ("run", "live")
WARM_UP_S = 0.6
KEY = ("before", "after", "what", "preset", "face")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is measured on both sides.

    Attributes:
        what: "run" or "live".
        preset: of both.
        device: of both.
    """

    what: str
    preset: str
    device: str


@contextmanager
def checkout(commit: str, folder: Path, root: Path = rows.ROOT) -> Iterator[Path]:
    """Make a git worktree of a commit for as long as it is needed."""
    where = folder / "checkout"
    git = ["git", "-C", str(root), "worktree"]
    subprocess.run([*git, "add", "--detach", "--quiet", str(where), commit], check=True)
    try:
        yield where
    finally:
        subprocess.run([*git, "remove", "--force", str(where)], check=True)


def once(task: Task, where: Path, source: Source, warm_up: Path, folder: Path) -> dict[str, Any]:
    """Measure a task in a checkout, once; returns what `side.measure` does."""
    job = asdict(task) | {"checkout": str(where), "face": str(source.face), "audio": str(source.audio)}
    job |= {"warm_up": str(warm_up), "out": str(folder / "out.mp4")}
    variables = os.environ | {"PYTHONPATH": str(where), "LIPSYNC_EDGE_BENCH": ""}
    words = [sys.executable, str(SIDE), json.dumps(job)]
    done = subprocess.run(words, env=variables, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def row_of(
    before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]], margin: float
) -> dict[str, Any]:
    """Join the rounds of a task on both sides."""
    pairs = list(zip(before, after, strict=True))
    ratios = [per_frame(new, "wall_s") / per_frame(old, "wall_s") for old, new in pairs]
    cpu = [per_frame(new, "cpu_s") / per_frame(old, "cpu_s") for old, new in pairs]
    return {
        "rounds": len(pairs),
        "frames": [before[0]["frames"], after[0]["frames"]],
        "fps": [
            round(statistics.median(1 / per_frame(run, "wall_s") for run in side), 2)
            for side in (before, after)
        ],
        "cpu_ms": [
            round(statistics.median(1000 * per_frame(run, "cpu_s") for run in side), 2)
            for side in (before, after)
        ],
        "ratio": round(statistics.median(ratios), 4),
        "spread": [round(min(ratios), 4), round(max(ratios), 4)],
        "ratios": [round(ratio, 4) for ratio in ratios],
        "cpu_ratio": round(statistics.median(cpu), 4),
        "cpu_spread": [round(min(cpu), 4), round(max(cpu), 4)],
        "margin": margin,
        "no_slower": statistics.median(ratios) <= 1 + margin,
        "same_output": len({run["checksum"] for run in (*before, *after)}) == 1,
    }


def per_frame(run: dict[str, Any], figure: str) -> float:
    """Return seconds a frame."""
    return float(run[figure]) / int(run["frames"])


def networks(where: Path) -> dict[str, str]:
    """Return file → sha256 of the networks of a checkout."""
    files = json.loads((where / "models_onnx" / "manifest.json").read_text("utf-8"))["files"]
    return {name: entry["sha256"] for name, entry in files.items()}


def compare(
    tasks: Sequence[Task], sides: Sequence[Path], options: argparse.Namespace, folder: Path
) -> list[rows.Row]:
    """Go round; return a row a task."""
    source = make_source(options, folder)
    warm_up = make_source(
        argparse.Namespace(**{**vars(options), "audio": None}), folder, seconds=WARM_UP_S
    ).audio
    runs: dict[Task, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {task: ([], []) for task in tasks}
    for turn in range(options.rounds):
        for task, both in runs.items():
            for where, mine in zip(sides, both, strict=True):
                mine.append(once(task, where, source, warm_up, folder))
            took = [1 / per_frame(mine[-1], "wall_s") for mine in both]
            said = f"round {turn + 1}: {task.preset} {task.what} {took[0]:.1f} → {took[1]:.1f} fps"
            print(said, file=sys.stderr, flush=True)
    named: rows.Row = {"before": rows.commit(sides[0]), "after": rows.commit(sides[1]), "face": source.said}
    named["same_networks"] = networks(sides[0]) == networks(sides[1])
    return [named | asdict(task) | row_of(*both, options.margin) for task, both in runs.items()]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a comparison."""
    add_source_options(parser, seconds=20.0)
    parser.add_argument("before", help="commit")
    parser.add_argument("after", nargs="?", help="commit; without it this checkout as it is")
    parser.add_argument("--presets", nargs="+", default=["lite", "hq"])
    parser.add_argument("--what", nargs="+", choices=WHATS, default=list(WHATS))
    parser.add_argument("--device", default="cpu", help="of both sides")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--margin", type=float, default=0.03, help="part of the time a frame that AFTER may take more"
    )


def main(options: argparse.Namespace) -> None:
    """Compare, keep, print; ends with an error when AFTER is slower."""
    tasks = [
        Task(what=what, preset=preset, device=options.device)
        for preset in options.presets
        for what in options.what
    ]
    origin = rows.stated()
    with ExitStack() as stack:
        work, old, new = (Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(3))
        before = stack.enter_context(checkout(options.before, old))
        after = stack.enter_context(checkout(options.after, new)) if options.after else rows.ROOT
        found = compare(tasks, (before, after), options, work)
    rows.keep(options.results, "compare", [row | origin for row in found], KEY)
    print(table(found))
    if slow := [f"{row['preset']} {row['what']}" for row in found if not row["no_slower"]]:
        raise SystemExit(f"slower by more than {options.margin:.0%}: {', '.join(slow)}")


def table(found: Sequence[rows.Row]) -> str:
    """Return the rows for the terminal."""
    lines = []
    for row in found:
        (old, new), (least, most) = row["fps"], row["spread"]
        lines.append(
            f"{row['preset']:6} {row['what']:5} {old:7.1f} → {new:7.1f} fps   time × {row['ratio']:.3f} "
            f"({least:.3f} … {most:.3f})   processor time × {row['cpu_ratio']:.3f}   "
            f"{'same' if row['same_output'] else 'other'} output"
        )
    return "\n".join(lines)
