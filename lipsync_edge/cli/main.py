"""The command line: translation only, every command is a call of the Python API."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lipsync_edge.cli.batch import batch
from lipsync_edge.cli.bench import bench
from lipsync_edge.cli.console import open_missing_streams, run_app, say
from lipsync_edge.cli.devices import devices
from lipsync_edge.cli.eval import evaluate_command
from lipsync_edge.cli.export import register as register_export
from lipsync_edge.cli.heap import share_heap
from lipsync_edge.cli.live import live, serve
from lipsync_edge.cli.mark import mark_app
from lipsync_edge.cli.models import models_app
from lipsync_edge.cli.prepare import prepare
from lipsync_edge.cli.run import demo, run
from lipsync_edge.cli.signals import leave
from lipsync_edge.cli.studio import studio

app = typer.Typer(
    name="lipsync-edge",
    help="Lip-sync a video or a photo to any speech, on ordinary hardware.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, batch, demo, prepare, live, serve, studio, bench, devices):
    app.command()(command)
app.command("eval")(evaluate_command)
app.add_typer(models_app, name="models")
app.add_typer(mark_app, name="mark")
register_export(app)


def print_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        from lipsync_edge import __version__

        say(__version__)
        raise typer.Exit


@app.callback()
def root(
    show: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Lip-sync a video or a photo to any speech, on ordinary hardware."""


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] in (["run"], ["demo"], ["live"], ["serve"]):  # before anything starts a thread
        share_heap()
    open_missing_streams()
    leave(lambda: run_app(app, sys.argv[1:]))
