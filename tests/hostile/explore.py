"""A small coverage-guided fuzzer for the parsers of this package: inputs that reach new lines are kept and damaged on.

`atheris` does this with more coverage and speed where it is installed; this one needs the standard library alone, so
that it runs wherever the tests do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from types import CodeType, FrameType
from typing import Any

from lipsync_edge.errors import LipsyncError
from tests.hostile.mutate import mutated, spliced

Target = Callable[[bytes], object]
Mutate = Callable[[bytes, Random], bytes]
_TOOL = 4  # of sys.monitoring; 0 to 3 and 5 belong to debuggers, coverage and profilers
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan"), "", "a",
    "\0", "ä" * 300, "../../x", [], {}, [[]], [None], {"a": None}, [1, 0], ["1"], "1e999",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explored:
    """What a search gave.

    Attributes:
        runs: inputs that were tried.
        lines: lines of the package that some input reached.
        kept: inputs that reached a new one.
        faults: input and error of what was no LipsyncError, one for each kind.
    """

    runs: int
    lines: int
    kept: int
    faults: tuple[tuple[bytes, str], ...]


def explore(
    target: Target,
    seeds: Sequence[bytes],
    runs: int,
    seed: int,
    mutate: Mutate = mutated,
    allowed: tuple[type[Exception], ...] = (LipsyncError,),
) -> Explored:
    """Try damaged inputs on a parser.

    Args:
        target: takes an input; may raise what is allowed.
        seeds: whole inputs.
        runs: how many to try.
        seed: of what is random.
        mutate: makes one input of another.
        allowed: errors that a parser may raise.
    """
    rng, reached = Random(seed), set[tuple[CodeType, int]]()
    corpus, faults, kept = [*seeds], dict[str, bytes](), 0
    for number in range(runs):
        data = seeds[number] if number < len(seeds) else _next(corpus, mutate, rng)
        found = set[tuple[CodeType, int]]()
        try:
            with _lines(found):
                target(data)
        except allowed:
            pass
        except Exception as error:
            faults.setdefault(f"{type(error).__name__}: {error}"[:90], data)
        if not found <= reached:
            reached |= found
            kept += 1
            corpus.append(data)
    said = tuple((data, name) for name, data in faults.items())
    return Explored(runs, len(reached), kept, said)


def _next(corpus: list[bytes], mutate: Mutate, rng: Random) -> bytes:
    one = rng.choice(corpus[-20:] if rng.random() < 0.5 else corpus)
    if rng.random() < 0.05 and one:
        return spliced(one, rng.choice(corpus) or b"\0", rng)
    return mutate(one, rng) if one else rng.randbytes(8)


def _is_ours(code: CodeType) -> bool:
    name = code.co_filename
    return ("lipsync_edge" in name or "/export/" in name) and "site-packages" not in name


@contextmanager
def _lines(found: set[tuple[CodeType, int]]) -> Iterator[None]:
    """Note the lines of this package that run inside."""
    if sys.version_info >= (3, 12):
        with _monitored(found):
            yield
        return

    def local(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            found.add((frame.f_code, frame.f_lineno))
        return local

    before = sys.gettrace()
    sys.settrace(lambda frame, *_: local if _is_ours(frame.f_code) else None)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def _monitored(found: set[tuple[CodeType, int]]) -> Iterator[None]:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]

    def line(code: CodeType, number: int) -> Any:
        if not _is_ours(code):
            return monitoring.DISABLE
        found.add((code, number))
        return None

    monitoring.use_tool_id(_TOOL, "explore")
    monitoring.register_callback(_TOOL, monitoring.events.LINE, line)
    monitoring.set_events(_TOOL, monitoring.events.LINE)
    try:
        yield
    finally:
        monitoring.set_events(_TOOL, 0)
        monitoring.free_tool_id(_TOOL)


def odd_json(data: bytes, rng: Random) -> bytes:
    """Damage a JSON text as text, or exchange, drop and add values in what it says."""
    if rng.random() < 0.3:
        return mutated(data, rng)
    if rng.random() < 0.01:
        return b"[" * 100_000
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        return mutated(data, rng)
    for _ in range(rng.choice((1, 1, 2))):
        whole = _exchanged(whole, rng)
    return json.dumps(whole).encode()


def _exchanged(value: Any, rng: Random) -> Any:
    """A copy with one value, somewhere, in the place of which something odd stands."""
    if not isinstance(value, (dict, list)) or not value or rng.random() < 0.15:
        return rng.choice(_ODD)
    if isinstance(value, dict):
        key = rng.choice(sorted(value))
        rest = dict(value)
        if rng.random() < 0.2:
            rest[rng.choice(("x", "", key.upper()))] = rest.pop(key)
            return rest
        return rest | {key: _exchanged(value[key], rng)}
    at = rng.randrange(len(value))
    if rng.random() < 0.2:
        return value[:at] + value[at + 1 :] if rng.random() < 0.5 else value + [value[at]] * 3
    return [*value[:at], _exchanged(value[at], rng), *value[at + 1 :]]


def odd_text(data: bytes, rng: Random) -> bytes:
    """Damage a text of lines (TOML, RTTM, .param): words and lines are exchanged, dropped, doubled, made odd."""
    if rng.random() < 0.25:
        return mutated(data, rng)
    if rng.random() < 0.01:
        return b"x = " + b"[" * 100_000
    lines = data.decode("utf-8", "replace").splitlines()
    if not lines:
        return b"x"
    at = rng.randrange(len(lines))
    words = lines[at].split(" ")
    kind = rng.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, rng.choice(lines))
    elif kind == 2:
        words[rng.randrange(len(words))] = json.dumps(rng.choice(_ODD))
        lines[at] = " ".join(words)
    elif kind == 3:
        rng.shuffle(words)
        lines[at] = " ".join(words)
    else:
        lines[at] = mutated(lines[at].encode() or b"x", rng).decode("utf-8", "replace")
    return "\n".join(lines).encode()
