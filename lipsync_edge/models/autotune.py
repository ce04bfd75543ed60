"""Autotune cache: keeps what `lipsync-edge bench` found for `--device auto`, by machine and versions, in one JSON file.

The file lies in the user's cache folder. The environment variable LIPSYNC_EDGE_BENCH names another one; empty, it
turns this off: nothing is read and nothing is kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lipsync_edge.atomic_write import replacing
from lipsync_edge.json_reader import parse_json
from lipsync_edge.models.engine_options import EngineOptions

VARIABLE = "LIPSYNC_EDGE_BENCH"
ALIKE = 0.9  # of the highest frame rate: faster than that counts as equally fast


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One configuration that was measured on this machine.

    Attributes:
        preset: its name.
        device: what `--device` takes.
        precision: "fp32", "fp16" or "int8".
        fps: frames a second, 1280x720, decode and encode included.
        first_frame_s: from the start of the process to the first frame, or None.
        when: day, as 2026-01-31.
    """

    preset: str
    device: str
    precision: str
    fps: float
    first_frame_s: float | None
    when: str


def cache_file() -> Path | None:
    """Return where measurements are kept; None when that is turned off, or the user has no home."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    from platformdirs import user_cache_path

    try:
        return user_cache_path("lipsync-edge", appauthor=False) / "bench.json"
    # no HOME, and a user whom the system does not know: a container's, mostly
    except (RuntimeError, KeyError):
        return None


def this_key() -> str:
    """Return the key of this machine and its versions; see `lipsync_edge.machine.Machine.key`."""
    from lipsync_edge.machine import this_machine

    return this_machine().key


def record(key: str, rows: Sequence[dict[str, Any]], today: date | None = None) -> str:
    """Keep a benchmark's rows for a machine, instead of older ones of the same configurations; say what was done.

    Rows of other machines stay. A cache that cannot be written is none, and no error.
    """
    place = cache_file()
    if place is None:
        return f"{VARIABLE} is empty" if os.environ.get(VARIABLE) == "" else "there is no cache folder"
    when = (today or date.today()).isoformat()
    fresh = [
        Measurement(
            preset=row["preset"],
            device=row["asked_device"],
            precision=row["precision"],
            fps=row["fps"],
            first_frame_s=row["first_frame_s"],
            when=when,
        )
        for row in rows
    ]
    same = {(one.preset, one.device, one.precision) for one in fresh}
    kept = [one for one in recorded(key) if (one.preset, one.device, one.precision) not in same]
    table = {**_read(place), key: [asdict(one) for one in [*kept, *fresh]]}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as beside:
            beside.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    except OSError as error:
        return f"{place} cannot be written: {error.strerror}"
    return f"kept for --device auto in {place}"


def recorded(key: str) -> list[Measurement]:
    """Return what is kept for a machine; nothing of a file that is missing, damaged or of another form."""
    place = cache_file()
    rows = [] if place is None else _read(place).get(key)
    found = [_parsed(row) for row in rows] if isinstance(rows, list) else []
    return [one for one in found if one is not None]


def fastest(preset: str, precision: str = "auto") -> Measurement | None:
    """Return the fastest configuration of a preset on this machine, or None when none was measured.

    Of those that are nearly as fast as the fastest it is the one that starts first.

    Args:
        preset: its name.
        precision: only those of this precision; "auto" for all.
    """
    place = cache_file()
    if place is None or not place.is_file():
        return None
    fitting = [
        one
        for one in recorded(this_key())
        if one.preset == preset and precision in ("auto", one.precision) and one.device != "auto"
    ]
    most = max((one.fps for one in fitting), default=0.0)
    alike = [one for one in fitting if one.fps >= ALIKE * most]
    return min(
        alike, key=lambda one: (one.first_frame_s is None, one.first_frame_s or 0.0, -one.fps), default=None
    )


def fastest_for(options: EngineOptions) -> Measurement | None:
    """Return what "auto" takes for options: only the package's own presets and models were measured."""
    if not isinstance(options.preset, str) or options.models is not None:
        return None
    return fastest(options.preset, options.precision)


def _read(place: Path) -> dict[str, Any]:
    try:
        table = parse_json(place.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _parsed(row: Any) -> Measurement | None:
    """One row of the file, or None when a field is missing, unknown or of another type."""
    try:
        one = Measurement(**row)
    except TypeError:
        return None
    texts = all(isinstance(text, str) for text in (one.preset, one.device, one.precision, one.when))
    first = one.first_frame_s
    return one if texts and _is_number(one.fps) and (first is None or _is_number(first)) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
