"""Count what damaged and hostile inputs do: faults, the slowest, the most memory, over seeded runs of the command line.

    python -m benchmarks hostile [--runs 500] [--parser-runs 2000] [--kills 100] [--seed 2] [--only media bombs …]

`media` damages films, stills and sounds of every kind and gives each to `lipsync-edge run` or `prepare` in a process
of its own, on the bundled networks; `bombs` are small files that claim to be huge; `parsers` searches every parser of
the package for inputs that reach new lines; `kills` stops runs at random moments by SIGTERM and SIGKILL. A fault is
an exit code that is none of ours, a second line on stderr, a file that is left behind, more than 10 s of the processor,
or more than 1500 MB. Rows: results/hostile.json; they belong to no processor, but for the seconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import rows
from tests.hostile.explore import explore
from tests.hostile.forked import forks
from tests.hostile.parsers import parsers
from tests.hostile.runs import Case, Fault, damaged, done, exploding
from tests.hostile.seeds import seeds
from tests.hostile.test_parsers import SLOW
from tests.hostile.test_processes import killed_runs

PARTS = ("media", "bombs", "parsers", "kills")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add how much is tried, and of what."""
    parser.add_argument("--runs", type=int, default=500, help="damaged media")
    parser.add_argument("--parser-runs", type=int, default=2000, help="inputs for each parser")
    parser.add_argument("--kills", type=int, default=100, help="runs that are killed")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))


def main(options: argparse.Namespace) -> None:
    """Count and keep the rows."""
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "media": lambda: media(options.runs, options.seed),
        "bombs": bombs,
        "parsers": lambda: searched(options.parser_runs, options.seed),
        "kills": lambda: killed(options.kills, options.seed),
    }
    for part in options.only:
        origin = rows.stated()
        found = {"part": part, "seed": options.seed, **measures[part]()}
        print({name: value for name, value in found.items() if name != "machine"})
        keep(options.results / "hostile.json", {**origin, **found})


def keep(path: Path, row: dict[str, Any]) -> None:
    """Put a row in the place of the older one of its part."""
    old = json.loads(path.read_text("utf-8")) if path.is_file() else []
    kept = [one for one in old if one["part"] != row["part"]]
    lines = [json.dumps(one) for one in [*kept, row]]
    path.write_text("[\n " + ",\n ".join(lines) + "\n]\n", "utf-8")


def media(count: int, seed: int) -> dict[str, Any]:
    """Damaged media, on the bundled networks."""
    return _counted(lambda whole, _: damaged(*whole, count, seed))


def bombs() -> dict[str, Any]:
    """Small files that claim to be huge."""
    return _counted(lambda whole, folder: exploding(*whole, folder))


Media = tuple[dict[str, bytes], dict[str, bytes]]


def _counted(cases_of: Callable[[Media, Path], Iterator[Case]]) -> dict[str, Any]:
    codes: Counter[int] = Counter()
    faults: list[Fault] = []
    seconds, cpu, peaks = [0.0], [0.0], [0.0]
    with tempfile.TemporaryDirectory() as name, forks("real") as run:
        folder = Path(name)
        (folder / "seeds").mkdir()
        whole = seeds(folder / "seeds")
        for number, case in enumerate(cases_of(whole, folder)):
            ended, wrong = done(case, run, folder / str(number))
            shutil.rmtree(folder / str(number))
            codes[ended.code] += 1
            faults += wrong
            seconds.append(ended.seconds)
            cpu.append(ended.cpu_s)
            peaks.append(ended.peak_mb)
            for one in wrong:
                print(f"{one.kind}: {one.case}: {one.said}", file=sys.stderr)
    return {
        "runs": codes.total(),
        "codes": {str(code): often for code, often in sorted(codes.items())},
        "faults": dict(Counter(one.kind for one in faults)),
        "slowest_s": round(max(seconds), 2),
        "slowest_cpu_s": round(max(cpu), 2),
        "peak_mb": round(max(peaks)),
    }


def searched(runs: int, seed: int) -> dict[str, Any]:
    """Every parser of the package."""
    found: dict[str, Any] = {}
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "files").mkdir()
        for which, parser in parsers(folder).items():
            few = runs // SLOW.get(which, 1)
            one = explore(parser.target, parser.seeds, few, seed, parser.mutate, parser.allowed)
            found[which] = {"runs": one.runs, "lines": one.lines, "new": one.kept}
            faults += len(one.faults)
            for data, said in one.faults:
                print(f"{which}: {said}: {data[:300]!r}", file=sys.stderr)
    return {"runs": sum(one["runs"] for one in found.values()), "faults": faults, "parsers": found}


def killed(count: int, seed: int) -> dict[str, Any]:
    """Runs that are killed at random moments, one after another in one folder with one cache."""
    from tests.clips import write_clip, write_sound
    from tests.scripted import SIZE

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_clip(folder / "face.mp4", 8, size=SIZE)
        write_sound(folder / "speech.wav", 0.3)
        wrong = killed_runs(folder, count, seed)
    for one in wrong:
        print(one, file=sys.stderr)
    return {"runs": count, "faults": len(wrong)}
