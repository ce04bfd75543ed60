"""The commands `live` and `serve`: translation only. They read kiosk.toml, each its own table."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from lipsync_edge.cli.console import reporting
from lipsync_edge.errors import UsageError


def live(
    context: typer.Context,
    avatar: Annotated[str, typer.Option(help="Saved avatar, video or picture of the face.")] = "",
    audio: Annotated[str, typer.Option(help="- (int16 mono PCM on stdin), mic, or a sound file.")] = "-",
    out: Annotated[str, typer.Option(help="- (stdout), window, a file, or a udp/tcp/srt/rtmp URL.")] = "-",
    format: Annotated[str, typer.Option(help="raw, ts or mp4; goes by the name without it.")] = "",
    rate: Annotated[int, typer.Option(min=8000, max=96_000, help="Samples a second.")] = 16_000,
    fps: Annotated[float, typer.Option(min=0, max=240, help="Frames a second; 0: the avatar's own.")] = 0.0,
    realtime: Annotated[bool, typer.Option(help="Pace by the sample clock and drop late frames.")] = False,
    gap_ms: Annotated[int, typer.Option(min=40, help="A pause this long ends an utterance.")] = 500,
    watchdog_s: Annotated[
        float, typer.Option(min=0, help="Exit when the session hangs so long; 0: never.")
    ] = 0.0,
    preset: Annotated[str, typer.Option(help="Which networks.")] = "lite",
    device: Annotated[str, typer.Option(help="Where they run.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, fp16 or int8.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="Threads of one network; 0: the runtime decides.")] = 0,
    models: Annotated[str, typer.Option(help="Folder with your own converted models.")] = "",
    config: Annotated[Path | None, typer.Option(help="TOML file with a table [live]; options win.")] = None,
) -> None:
    """Speech in, lip-synced frames out, as it comes."""
    with reporting():
        from lipsync_edge.live.options import LiveOptions
        from lipsync_edge.live.run import open_live_stream, run_live
        from lipsync_edge.live.setup import log_to_stderr

        options = LiveOptions(**settle(context, config, "live"))
        log_to_stderr()
        status = run_live(options, open_live_stream(options), sys.stdin.buffer, sys.stdout.buffer)
    raise typer.Exit(status)


def serve(
    context: typer.Context,
    avatar: Annotated[str, typer.Option(help="Saved avatar, video or picture of the face.")] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8080,
    token: Annotated[str, typer.Option(envvar="LIPSYNC_EDGE_TOKEN", help="What callers must know.")] = "",
    rate: Annotated[
        int, typer.Option(min=8000, max=96_000, help="Samples a second in the browser.")
    ] = 24_000,
    fps: Annotated[float, typer.Option(min=0, max=240, help="Frames a second; 0: the avatar's own.")] = 0.0,
    quality: Annotated[int, typer.Option(min=1, max=100, help="JPEG quality.")] = 85,
    sessions: Annotated[int, typer.Option(min=1, help="Live sessions at a time.")] = 2,
    viewers: Annotated[int, typer.Option(min=1, help="Browsers of one session.")] = 8,
    upload_mb: Annotated[int, typer.Option(min=1, help="Megabytes of one upload.")] = 20,
    watchdog_s: Annotated[
        float, typer.Option(min=0, help="Exit when a session hangs so long; 0: never.")
    ] = 0.0,
    preset: Annotated[str, typer.Option(help="Which networks.")] = "lite",
    device: Annotated[str, typer.Option(help="Where they run.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, fp16 or int8.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="Threads of one network; 0: the runtime decides.")] = 0,
    models: Annotated[str, typer.Option(help="Folder with your own converted models.")] = "",
    config: Annotated[Path | None, typer.Option(help="TOML file with a table [serve]; options win.")] = None,
) -> None:
    """A page with the speaking avatar, and a WebSocket and HTTP API to make it speak."""
    with reporting():
        from lipsync_edge.live.options import LiveOptions
        from lipsync_edge.live.run import open_live_stream
        from lipsync_edge.live.setup import log_to_stderr
        from lipsync_edge.server.options import ServeOptions
        from lipsync_edge.server.run import run_server

        options = ServeOptions(**settle(context, config, "serve"))
        log_to_stderr()
        shared = {field.name for field in fields(LiveOptions)} & {
            field.name for field in fields(ServeOptions)
        }
        settings = LiveOptions(**{name: getattr(options, name) for name in shared})
        run_server(options, open_live_stream(settings))


def settle(context: typer.Context, config: Path | None, table: str) -> dict[str, Any]:
    """Options as given, and those that were not given from the file's table.

    Raises:
        UsageError: the file cannot be read, names an option that does not exist, or has a value of another type.
    """
    from lipsync_edge.live.setup import read_config

    given = {name: value for name, value in context.params.items() if name != "config"}
    if config is None:
        return given
    for key, value in read_config(config, table, given).items():
        wanted = type(given[key])
        if not isinstance(value, (int, float) if wanted is float else wanted) or (
            isinstance(value, bool) and wanted is not bool
        ):
            raise UsageError(expected=f"{key} in [{table}] to be {wanted.__name__}", got=repr(value))
        source = context.get_parameter_source(key)
        if source is None or source.name == "DEFAULT":
            given[key] = wanted(value)
    return given
