"""Command line of the export tools in a checkout: `python -m export convert|adopt|quantize|validate|cards …`.

Where the package is installed, `lipsync-edge convert|adopt|quantize|validate` take the same words.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from lipsync_edge.errors import LipsyncError

FACES = "videos and pictures of faces; without it made-up ones"


def parser() -> argparse.ArgumentParser:
    """Return the parser of every subcommand."""
    root = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    sub = root.add_subparsers(dest="verb", required=True)
    one = sub.add_parser("convert", help="a published checkpoint → NAME.fp32.onnx")
    one.add_argument("network", help="wav2lip, s3fd, bisenet, rrdbnet, syncnet_v2, syncnet_color or auto")
    one.add_argument("checkpoint", type=Path)
    one.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    one.add_argument("--plain", action="store_true", help="keep the published float tensors")
    one.add_argument("--param", type=Path, help="the .param file of an ncnn .bin (rrdbnet)")
    one = sub.add_parser("adopt", help="an ONNX file that you already have")
    one.add_argument("file", type=Path)
    one.add_argument("--as", dest="network", required=True, metavar="NAME", help="wav2lip")
    one.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    one = sub.add_parser(
        "quantize", help="NAME.fp32.onnx → NAME.int8.onnx, NAME.fp16.onnx, as good as the specs ask"
    )
    one.add_argument("models", type=Path, help="a folder of converted models")
    one.add_argument("--calibrate", type=Path, nargs="+", default=[], metavar="DIR", help=FACES)
    one.add_argument("--only", nargs="*", default=[], metavar="NAME")
    one.add_argument("--precision", nargs="*", default=["int8", "fp16"], help="int8, fp16, dynamic")
    one.add_argument("--samples", type=int, default=32)
    one = sub.add_parser(
        "validate", help="check every file of a folder against its spec, its sha256 and fp32"
    )
    one.add_argument("models", type=Path)
    one.add_argument("--calibrate", type=Path, nargs="+", default=[], metavar="DIR", help=FACES)
    one.add_argument("--samples", type=int, default=8)
    one = sub.add_parser("cards", help="NAME.md, the model card, beside every bundled network of a folder")
    one.add_argument("models", type=Path)
    return root


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand and return the exit code (see `lipsync_edge.errors`)."""
    args = parser().parse_args(sys.argv[1:] if argv is None else argv)
    try:
        for line in run(args):
            print(line, flush=True)
    except LipsyncError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def run(args: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of one subcommand; torch is imported only now."""
    if args.verb == "cards":
        from .cards_markdown import write_cards

        return write_cards(args.models)
    from . import commands

    if args.verb == "convert":
        return commands.convert(args.network, args.checkpoint, args.out, plain=args.plain, param=args.param)
    if args.verb == "adopt":
        return commands.adopt(args.file, args.network, args.out)
    if args.verb == "validate":
        return commands.validate(args.models, calibrate=args.calibrate, samples=args.samples)
    return commands.quantize(
        args.models,
        calibrate=args.calibrate,
        only=args.only,
        precisions=args.precision,
        samples=args.samples,
    )


if __name__ == "__main__":
    sys.exit(main())
