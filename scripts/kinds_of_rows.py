"""Rows of `benchmarks/results/`, for each kind of processor that they were measured on (`benchmarks/rows.py`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SAID = {
    "amx": "AMX int8",
    "avx512-vnni": "AVX-512 VNNI",
    "avx-vnni": "AVX VNNI",
    "avx512": "AVX-512",
    "avx2": "AVX2",
    "neon-dotprod": "NEON dot product",
    "neon": "NEON",
}


def found_by_kind(results: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return kind → name → rows, for each kind of processor that has some of the names and lacks none.

    Args:
        results: the folder; rows of a kind are in its folder of that name, rows of no processor in itself.
        names: of files, without suffix.
    """
    common = {name: path for name in names if (path := results / f"{name}.json").is_file()}
    out = {}
    for folder in sorted(path for path in results.iterdir() if path.is_dir()):
        own = {name: path for name in names if (path := folder / f"{name}.json").is_file()}
        if own and len(own | common) == len(names):
            out[folder.name] = _read(common | own)
    if not out and len(common) == len(names):
        return {"": _read(common)}
    return out


def tables_by_kind(results: Path, names: Sequence[str], make: Callable[[dict[str, Any]], str]) -> str:
    """Return a table of each kind of processor, one below the other; a line over each where there are several.

    Args:
        results: the folder of all rows.
        names: of the files that the table is made of.
        make: makes the table of name → rows.
    """
    found = found_by_kind(results, names)
    if not found:
        return "Not measured."
    made = {kind: make(rows) for kind, rows in found.items()}
    if len(made) == 1:
        return next(iter(made.values()))
    return "\n\n".join(
        f"On a processor with {SAID.get(kind, kind)}:\n\n{table}" for kind, table in made.items()
    )


def _read(paths: dict[str, Path]) -> dict[str, Any]:
    return {name: json.loads(path.read_text("utf-8")) for name, path in paths.items()}
