"""The command `bench`: translation only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lipsync_edge.atomic_write import check_place, check_spares
from lipsync_edge.choices import PRECISIONS
from lipsync_edge.cli.console import print_json, reporting, say, write_json
from lipsync_edge.cli.options import Json, Models, Threads, one_of
from lipsync_edge.errors import UsageError
from lipsync_edge.models.devices import AUTO, DEVICE_NAMES
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.preset import preset_names

if TYPE_CHECKING:
    from lipsync_edge.bench.measure import Plan

Chosen = Mapping[str, list[str] | None]  # option → what it was given
FILES = [name for name in PRECISIONS if name != AUTO]


def bench(
    preset: Annotated[list[str] | None, one_of(preset_names(), "Only these; repeat it:")] = None,
    device: Annotated[list[str] | None, one_of(DEVICE_NAMES, "Only these; repeat it:")] = None,
    precision: Annotated[list[str] | None, one_of(FILES, "Only these; repeat it:")] = None,
    threads: Threads = None,
    models: Models = None,
    seconds: Annotated[float, typer.Option(help="Length of the made video.", min=0.5)] = 10.0,
    quick: Annotated[bool, typer.Option("--quick", help="int8 only, 2 s; ends within 20 s.")] = False,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Write the rows as JSON.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw where the time goes: .png, .svg.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="An older --output to compare with.")] = None,
    margin: Annotated[float, typer.Option(help="Part of the old fps that may be lost.", min=0, max=1)] = 0.1,
    sessions: Annotated[
        bool,
        typer.Option("--sessions", help="Count runs and live sessions side by side instead, of one preset."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure what really runs here, 1280x720, decode and encode included, and recommend a configuration.

    What is found on a quiet machine decides `run --device auto` from then on; the environment variable
    LIPSYNC_EDGE_BENCH names another file to keep it in, and turns this off when it is empty.
    """
    with reporting(as_json):
        from lipsync_edge.bench import report
        from lipsync_edge.bench.benchmark import benchmark
        from lipsync_edge.bench.recommend import ratios, refuse_slower
        from lipsync_edge.figures import check_page

        if out is not None:
            check_place(out)
            check_spares(out, (baseline,))
        if plot is not None:
            check_page(plot, report.FIX)
            check_place(plot)
            check_spares(plot, (baseline, out))
        chosen = {"preset": preset, "device": device, "precision": precision}
        if sessions:
            options = _one_of_each(chosen, threads, models)
            _sessions(options, 2.0 if quick else seconds, out, as_json)
            return
        plan = _plan(chosen, threads, models, seconds, quick)
        found = benchmark(plan, lambda name: say(f"… {name}", to_stderr=True))
        if baseline is not None:
            found["ratios"] = ratios(found["rows"], baseline)
        if out is not None:
            write_json(out, found)
        if plot is not None:
            report.plot(found, plot)
        if as_json:
            print_json(found)
        else:
            say(report.markdown(found["rows"]) if markdown else report.text(found))
            for name, ratio in found.get("ratios", {}).items():
                say(f"{name}: {ratio:.2f} × the baseline's fps")
        refuse_slower(found.get("ratios", {}), margin)


def _one_of_each(chosen: Chosen, threads: int | None, models: Path | None) -> EngineOptions:
    for name, values in chosen.items():
        if values and len(values) > 1:
            raise UsageError(expected=f"one --{name} with --sessions", got=", ".join(values))
    named = {name: values[0] for name, values in chosen.items() if values}
    return EngineOptions(threads=threads, models=models, **named)


def _sessions(options: EngineOptions, seconds: float, out: Path | None, as_json: bool) -> None:
    from lipsync_edge.bench.sessions import count_sessions, text

    found = count_sessions(options, seconds, lambda name: say(f"… {name}", to_stderr=True))
    if out is not None:
        write_json(out, found)
    if as_json:
        print_json(found)
    else:
        say(text(found))


def _plan(chosen: Chosen, threads: int | None, models: Path | None, seconds: float, quick: bool) -> Plan:
    from lipsync_edge.bench.measure import QUICK, Plan

    given: dict[str, Any] = {f"{name}s": tuple(values) for name, values in chosen.items() if values}
    if not quick:
        return Plan(seconds=seconds, threads=threads, models=models, **given)
    brief = QUICK | {"seconds": min(seconds, QUICK["seconds"])}
    return Plan(threads=threads, models=models, **(brief | given))
