"""Measured rows as JSON, each kind of processor in a folder of its own, so that none replaces another's.

    python -m benchmarks rows                    list what was measured, on what, when, at which commit and load
    python -m benchmarks rows --keep bench FILE  keep what `lipsync-edge bench -o FILE` wrote

Rows are `results/KIND/NAME.json`; KIND says what decides the speed of int8 networks (`kind_of`). Every row says the
processor, its flags and cores, the load, versions, the date and the commit (`stated`). Files in `results/` itself are
figures of quality written by the training tools; they belong to no processor.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lipsync_edge.figures import percentiles
from lipsync_edge.machine import Machine, this_machine

Row = dict[str, Any]
ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
KINDS = (  # first match counts
    ("AMX int8", "amx"),
    ("AVX-512 VNNI", "avx512-vnni"),
    ("AVX VNNI", "avx-vnni"),
    ("AVX-512", "avx512"),
    ("AVX2", "avx2"),
    ("NEON dot product", "neon-dotprod"),
    ("NEON", "neon"),
)


def kind_of(flags: Sequence[str] | None, architecture: str) -> str:
    """Return the kind of a processor: the best of its flags for int8, or else its architecture."""
    return next((kind for flag, kind in KINDS if flag in (flags or ())), architecture)


def times_ms(name: str, times: Sequence[float], points: Sequence[int]) -> dict[str, float | None]:
    """Return percentiles of times in ms by their names in a row, "NAME_p50_ms" …; None each where there are none."""
    found = percentiles(times, points) if len(times) else {}
    return {f"{name}_p{p}_ms": round(found[f"p{p}"], 2) if found else None for p in points}


def stated(machine: Machine | None = None) -> Row:
    """Return what every row says of its origin: `when` (UTC), `commit` and `machine`; to be called before measuring.

    Args:
        machine: this one, or None to look.
    """
    return {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": asdict(machine or this_machine()),
    }


def commit(root: Path = ROOT) -> str | None:
    """Return the commit of a checkout, with "+" where its files differ from it; None outside git."""
    words = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=10"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def place(results: Path, name: str, origin: Row) -> Path:
    """Return the file of rows called `name` for the processor that `origin` (of `stated`) names."""
    machine = origin["machine"]
    return results / kind_of(machine["flags"], machine["architecture"]) / f"{name}.json"


def write(results: Path, name: str, found: Row) -> Path:
    """Write a result that is one whole, in the place of the older one of the same kind of processor.

    Args:
        results: the folder of all rows.
        name: of the file.
        found: what was measured, with the fields of `stated`.
    """
    return _replace(place(results, name, found), json.dumps(found, indent=1))


def keep(results: Path, name: str, rows: Sequence[Row], key: Sequence[str]) -> Path:
    """Put rows among those that are there; they replace those of the same kind of processor and equal `key` fields.

    Args:
        results: the folder of all rows.
        name: of the file.
        rows: of one machine, with the fields of `stated`.
        key: fields that tell what was measured.
    """
    path = place(results, name, rows[0])
    old: list[Row] = json.loads(path.read_text("utf-8")) if path.is_file() else []

    def of(row: Row) -> str:
        return json.dumps([row.get(field) for field in key])

    groups: dict[str, list[Row]] = {}
    for row in old:
        groups.setdefault(of(row), []).append(row)
    groups.update({of(row): [] for row in rows})
    for row in rows:
        groups[of(row)].append(row)
    lines = [json.dumps(row) for group in groups.values() for row in group]
    return _replace(path, "[\n " + ",\n ".join(lines) + "\n]")


def _replace(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(text + "\n", "utf-8")
    beside.replace(path)
    return path


def origins(results: Path) -> list[tuple[str, str, Row]]:
    """Return kind, name and origin of everything measured; the newest origin where rows have their own."""
    out = []
    for path in sorted(results.glob("*/*.json")):
        found = json.loads(path.read_text("utf-8"))
        rows = found if isinstance(found, list) else [found]
        newest = max(rows, key=lambda row: row.get("when", ""))
        out.append((path.parent.name, path.stem, newest))
    return out


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the listing."""
    parser.add_argument(
        "--keep", nargs=2, metavar=("NAME", "FILE"), help="keep rows that another program wrote"
    )


def main(options: argparse.Namespace) -> None:
    """List, or keep rows and say where."""
    if options.keep:
        name, file = options.keep
        found = json.loads(Path(file).read_text("utf-8"))
        print(write(options.results, name, {"when": None, "commit": commit(), **found}))
        return
    said: Callable[[Any], str] = lambda value: "not stated" if value is None else str(value)  # noqa: E731
    for kind, name, row in origins(options.results):
        machine = row.get("machine", {})
        when, at, load = row.get("when"), row.get("commit"), machine.get("load", row.get("load"))
        print(f"{kind:12} {name:10} {said(when):26} commit {said(at):12} load {said(load):11} "
              f"{said(machine.get('processor'))}")  # fmt: skip
