"""Stage times: how long each network takes on this machine, by runtime, precision and threads, kept in a file.

`lipsync_edge.models.tuner` measures in the background of a first run; `--device auto` and `--precision auto` take what
is the fastest in sum. The file lies beside `bench`'s; see `lipsync_edge.models.autotune` for how to turn that off.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lipsync_edge.atomic_write import replacing
from lipsync_edge.choices import PRECISIONS
from lipsync_edge.json_reader import parse_json
from lipsync_edge.machine import this_machine
from lipsync_edge.models.autotune import cache_file, this_key
from lipsync_edge.models.devices import AUTO, DEVICE_NAMES
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.preset import Preset
from lipsync_edge.models.registry import bundled_models, read_manifest, split_name

WORTH = (
    0.95  # of the time of all stages with the first device alone: another is loaded for less than that only
)
OPENING_MS = 1050.0  # of processor time, and 85 MB, that a second runtime costs a process
FILM_FRAMES = 750  # over which that is counted: half a minute
PAINTED = 0.1  # of the frames whose own mouths are laid over, the most that the lip network paints as well
Times = dict[str, tuple["StageTime", ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """One way to run a network, and how long it takes.

    Attributes:
        device: what `--device` takes.
        precision: "fp32", "fp16" or "int8".
        threads: of one call; None leaves it to the runtime.
        ms: for each of the frames that go through a call `together`; the least of several.
    """

    device: str
    precision: str
    threads: int | None
    ms: float


def together(preset: Preset, name: str) -> int:
    """Return how many frames go through a network at once."""
    return 1 if name in (preset.detect, preset.identity, preset.voice, preset.landmarks) else preset.batch


def subject(preset: Preset, name: str) -> str:
    """Return what times belong to: network, frames at once and the digests of its bundled files."""
    files = read_manifest(bundled_models())
    digests = sorted(
        str(entry["sha256"]) for file, entry in files.items() if split_name(Path(file))[0] == name
    )
    digest = hashlib.sha256(" ".join(digests).encode()).hexdigest()[:12]
    return f"{name} x{together(preset, name)} {digest}"


def recorded(preset: Preset) -> Times:
    """Return network → times of this machine, of those networks of a preset that were measured."""
    place = _place()
    table = {} if place is None or not place.is_file() else _read(place).get(this_key())
    if not isinstance(table, dict):
        return {}
    found = {name: table.get(subject(preset, name)) for name in preset.networks}
    parsed = {name: _parsed(rows) for name, rows in found.items()}
    return {name: times for name, times in parsed.items() if times}


def record(preset: Preset, name: str, times: Sequence[StageTime]) -> bool:
    """Keep the times of one network for this machine; False when there is no place for them."""
    place, key = _place(), this_key()
    if place is None:
        return False
    table = _read(place)
    mine = table.get(key)
    rows = {subject(preset, name): [asdict(one) for one in times]}
    table[key] = (mine if isinstance(mine, dict) else {}) | rows
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as beside:
            beside.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    except OSError:
        return False
    return True


def missing(options: EngineOptions) -> tuple[str, ...]:
    """Return the networks that options leave to "auto" and that were not measured here.

    None where there is no place to keep times, and none while other work takes so much of the machine that they would
    be wrong: a later run measures.
    """
    place = _place()
    if not measurable(options) or place is None or not _can_keep(place) or this_machine().busy:
        return ()
    preset = options.read_preset()
    known = recorded(preset)
    return tuple(name for name in preset.networks if name not in known)


def measurable(options: EngineOptions) -> bool:
    """Whether "auto" may take what was measured: of the package's own presets and models only."""
    return options.device == AUTO and isinstance(options.preset, str) and options.models is None


def chosen(options: EngineOptions) -> dict[str, StageTime]:
    """Return network → the way that "auto" takes; empty as long as not all of a preset were measured.

    The sum over the stages of a frame counts, each as often as a film calls it, and what opening a second runtime
    costs. Without a gain of five percent everything stays on the device that is there anyway.
    """
    if not measurable(options):
        return {}
    preset = options.read_preset()
    known = {name: _allowed(times, options) for name, times in recorded(preset).items()}
    if set(known) != set(preset.networks) or not all(known.values()):
        return {}
    first = next(iter(known.values()))[0].device
    alone = {name: [one for one in times if one.device == first] for name, times in known.items()}
    if not all(alone.values()):
        return _fastest(known)
    kept, free = _fastest(alone), _fastest(known)
    gains = frame_ms(preset, free) < WORTH * frame_ms(preset, kept)
    return free if gains else kept


def frame_ms(preset: Preset, ways: Mapping[str, StageTime]) -> float:
    """Return the time of one frame of a short film in all its networks, one after another, in ms.

    Faces are looked for, and told apart, now and then; where a person's own mouth can be laid over, lips are painted
    seldom. What a second runtime costs a start is shared by the frames.
    """
    often = dict.fromkeys((preset.detect, preset.identity), 1.0 / preset.detect_every)
    if preset.voice and preset.landmarks:
        often |= dict.fromkeys((preset.lips, preset.enhance), PAINTED)
    more = len({one.device for one in ways.values()}) - 1
    return sum(often.get(name, 1.0) * one.ms for name, one in ways.items()) + more * OPENING_MS / FILM_FRAMES


def _fastest(known: Mapping[str, Sequence[StageTime]]) -> dict[str, StageTime]:
    return {name: min(times, key=lambda one: one.ms) for name, times in known.items()}


def _allowed(times: Sequence[StageTime], options: EngineOptions) -> list[StageTime]:
    """Return the ways that the other options allow; threads that were asked for are those of every way."""
    kept = [one for one in times if options.precision in (AUTO, one.precision)]
    if options.threads is None:
        return kept
    return [replace(one, threads=options.threads) for one in kept if one.threads is None]


def _place() -> Path | None:
    beside = cache_file()
    return None if beside is None else beside.with_name("stages.json")


def _can_keep(place: Path) -> bool:
    """Whether the file, or the folders that it needs, may be written."""
    there = next(path for path in (place, *place.parents) if path.exists())
    return os.access(there, os.W_OK)


def _read(place: Path) -> dict[str, Any]:
    try:
        table = parse_json(place.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _parsed(rows: Any) -> tuple[StageTime, ...]:
    """Return the rows of one network; none when one of them has a field that is missing, unknown or wrong."""
    if not isinstance(rows, list):
        return ()
    try:
        times = tuple(StageTime(**row) for row in rows)
    except TypeError:
        return ()
    return times if all(map(_is_sound, times)) else ()


def _is_sound(one: StageTime) -> bool:
    is_count = one.threads is None or (isinstance(one.threads, int) and one.threads > 0)
    is_time = isinstance(one.ms, (int, float)) and not isinstance(one.ms, bool) and one.ms > 0
    return one.device in DEVICE_NAMES and one.precision in PRECISIONS and is_count and is_time
