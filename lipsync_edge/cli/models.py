"""The commands `models list|info|verify`: translation only."""

from __future__ import annotations

import typer

from lipsync_edge.cli.console import print_json, reporting, say
from lipsync_edge.cli.options import Json, Models

models_app = typer.Typer(
    help="What networks there are, and whether their files are whole.", no_args_is_help=True
)


@models_app.command("list")
def models_list(models: Models = None, as_json: Json = False) -> None:
    """List the model files of the package and of your folder."""
    with reporting(as_json):
        from lipsync_edge.models.registry import list_models

        found = list_models(models)
        if as_json:
            print_json({"models": found})
            return
        for one in found:
            say(f"{one.name:14} {one.precision:5} {one.size_bytes / 1e6:7.2f} MB  {one.role:8} {one.folder}")


@models_app.command("info")
def models_info(name: str, models: Models = None, as_json: Json = False) -> None:
    """Show a network's card and what was measured of its files."""
    with reporting(as_json):
        from lipsync_edge.models.registry import model_info

        print_json(model_info(name, models), indent=None if as_json else 2)


@models_app.command("verify")
def models_verify(models: Models = None, as_json: Json = False) -> None:
    """Compare every model file with its manifest; exit 4 when one differs."""
    with reporting(as_json):
        from lipsync_edge.models.registry import verify_models

        checked = verify_models(models)
        if as_json:
            print_json({"verified": checked})
        else:
            say(f"{len(checked)} files are what their manifest says")
