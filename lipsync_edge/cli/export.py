"""The commands `convert|adopt|quantize|validate`: translation only; the toolchain needs torch and is imported late."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from lipsync_edge.cli.console import print_json, reporting, say
from lipsync_edge.cli.options import Json
from lipsync_edge.errors import UsageError

NEEDED = ("torch", "onnx", "onnxruntime")
INSTALLED = "lipsync_edge._export"  # where the toolchain lies in a wheel
CHECKOUT = "export"  # and in the repository

Out = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the converted model.")]
Models = Annotated[Path, typer.Argument(metavar="DIR", help="A folder of converted models.")]
Calibrate = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="DIR", help="Videos and pictures of faces; made-up ones without it. May be repeated."
    ),
]


def toolchain() -> Any:
    """Import the toolchain's commands.

    Raises:
        UsageError: a package of the extra `export` is missing.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            expected="the packages of the extra `export`",
            got=f"no {', '.join(missing)}",
            fix='pip install "lipsync-edge[export]"',
        )
    package = INSTALLED if find_spec(INSTALLED) else CHECKOUT
    return importlib.import_module(f"{package}.commands")


def show(lines: Iterator[str], as_json: bool) -> None:
    """Print lines as they come, or all of them as one JSON object."""
    if as_json:
        print_json({"report": list(lines)})
        return
    for line in lines:
        say(line)


def convert(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="wav2lip, s3fd, bisenet, rrdbnet, syncnet_v2, syncnet_color or auto."
        ),
    ],
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="The published weights.")],
    out: Out,
    plain: Annotated[bool, typer.Option("--plain", help="Keep the published float tensors.")] = False,
    param: Annotated[Path | None, typer.Option(help="The .param file of an ncnn .bin (rrdbnet).")] = None,
    as_json: Json = False,
) -> None:
    """Turn a published checkpoint into an ONNX file with its spec (extra `export`)."""
    with reporting(as_json):
        show(toolchain().convert(network, checkpoint, out, plain=plain, param=param), as_json)


def adopt(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ONNX file of Wav2Lip.")],
    network: Annotated[str, typer.Option("--as", metavar="NAME", help="wav2lip.")],
    out: Out,
    as_json: Json = False,
) -> None:
    """Check and wrap an ONNX file that you already have (extra `export`)."""
    with reporting(as_json):
        show(toolchain().adopt(file, network, out), as_json)


def quantize(
    models: Models,
    calibrate: Calibrate = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="These alone. May be repeated.")
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="int8, fp16, dynamic; the first two without it. May be repeated."),
    ] = None,
    samples: Annotated[int, typer.Option(help="Inputs to calibrate and compare with.", min=1)] = 32,
    as_json: Json = False,
) -> None:
    """Write the int8 and fp16 files of a folder, as good as the specs ask (extra `export`)."""
    with reporting(as_json):
        tools = toolchain()
        lines = tools.quantize(
            models,
            calibrate=calibrate or (),
            only=only or (),
            precisions=precision or tools.PRECISIONS[:2],
            samples=samples,
        )
        show(lines, as_json)


def validate(
    models: Models,
    calibrate: Calibrate = None,
    samples: Annotated[int, typer.Option(help="Inputs to compare with fp32.", min=1)] = 8,
    as_json: Json = False,
) -> None:
    """Check every file of a folder against its spec, its sha256 and fp32 (extra `export`)."""
    with reporting(as_json):
        show(toolchain().validate(models, calibrate=calibrate or (), samples=samples), as_json)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (convert, adopt, quantize, validate):
        app.command()(command)
