"""The command `prepare`: translation only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lipsync_edge.atomic_write import check_place, check_spares
from lipsync_edge.cli.console import reporting, say
from lipsync_edge.cli.options import (
    Background,
    Box,
    Config,
    Face,
    Pads,
    box_of,
    pads_of,
    with_engine,
)
from lipsync_edge.models.engine_options import EngineOptions


@with_engine
def prepare(
    source: Annotated[Path, typer.Argument(metavar="FACE", help="A video, or a still image.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="The avatar's file.")],
    engine: EngineOptions,
    config: Config = None,
    face: Face = "largest",
    box: Box = None,
    pads: Pads = None,
    start: Annotated[float, typer.Option(help="First second of the video that is taken.", min=0)] = 0.0,
    seconds: Annotated[
        float, typer.Option(help="Most seconds of the video that are taken.", max=3600)
    ] = 60.0,
    max_side: Annotated[
        int,
        typer.Option(help="Pixels of the longer side; larger pictures are scaled. 0: as they are.", min=0),
    ] = 1920,
    background: Background = "white",
) -> None:
    """Detect and track a face once, for `live` and `serve` to begin at once."""
    with reporting():
        from lipsync_edge.engine import load_engine
        from lipsync_edge.pipeline.prepare import PrepareOptions

        check_place(out)
        check_spares(out, (source, Path(face), config))
        options = PrepareOptions(
            face=face,
            box_xyxy=box_of(box),
            pads=pads_of(pads),
            start=start,
            seconds=seconds,
            max_side=max_side,
            background=background,
        )
        avatar = load_engine(engine).prepare(source, options=options)
        avatar.save(out)
        width, height = avatar.size
        say(f"{out}: {len(avatar)} frames {width}x{height}, {float(avatar.duration):.1f} s")
