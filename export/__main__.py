"""Command line of the export tools: `python -m export convert|adopt|quantize|validate|cards|train …`."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

from lipsync_edge.errors import LipsyncError, UsageError

ALIASES = {"syncnet": "syncnet_v2"}
NAMES = ("wav2lip", "s3fd", "bisenet", "rrdbnet", "syncnet", "syncnet_v2", "syncnet_color", "auto")
FACES = "videos and pictures of faces; without it made-up ones"


def parser() -> argparse.ArgumentParser:
    """Return the parser of every subcommand but `train`, which has its own."""
    root = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    sub = root.add_subparsers(dest="verb", required=True)
    one = sub.add_parser("convert", help="a published checkpoint → NAME.fp32.onnx")
    one.add_argument("network", choices=NAMES)
    one.add_argument("checkpoint", type=Path)
    one.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    one.add_argument("--plain", action="store_true", help="keep the published float tensors")
    one.add_argument("--param", type=Path, help="the .param file of an ncnn .bin (rrdbnet)")
    one = sub.add_parser("adopt", help="an ONNX file that you already have")
    one.add_argument("file", type=Path)
    one.add_argument("--as", dest="network", required=True, choices=["wav2lip"])
    one.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    one = sub.add_parser(
        "quantize", help="NAME.fp32.onnx → NAME.int8.onnx, NAME.fp16.onnx, as good as the cards ask"
    )
    one.add_argument("models", type=Path, help="a folder of converted models")
    one.add_argument("--calibrate", type=Path, nargs="+", default=[], metavar="DIR", help=FACES)
    one.add_argument("--only", nargs="*", default=None, metavar="NAME")
    one.add_argument("--precision", nargs="*", default=["int8", "fp16"], choices=["int8", "fp16", "dynamic"])
    one.add_argument("--samples", type=int, default=32)
    one = sub.add_parser(
        "validate", help="check every file of a folder against its card, its sha256 and fp32"
    )
    one.add_argument("models", type=Path)
    one.add_argument("--calibrate", type=Path, nargs="+", default=[], metavar="DIR", help=FACES)
    one.add_argument("--samples", type=int, default=8)
    one = sub.add_parser("cards", help="NAME.md, the model card, beside every bundled network of a folder")
    one.add_argument("models", type=Path)
    sub.add_parser("train", help="train the bundled networks", add_help=False)
    return root


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand and return the exit code (see `lipsync_edge.errors`)."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["train"]:
        sys.argv = ["python -m export train", *words[1:]]
        runpy.run_module("export.train", run_name="__main__", alter_sys=False)
        return 0
    args = parser().parse_args(words)
    _one_thread()
    try:
        verbs = {
            "convert": _convert,
            "adopt": _adopt,
            "quantize": _quantize,
            "validate": _validate,
            "cards": _cards,
        }
        for line in verbs[args.verb](args):
            print(line, flush=True)
    except LipsyncError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _one_thread() -> None:
    """Torch computes small inputs here only to compare; on a busy machine many threads wait for each other."""
    import torch

    torch.set_num_threads(1)


def _convert(args: argparse.Namespace) -> list[str]:
    from export import checkpoint, ncnn
    from export.convert import convert
    from export.errors import WrongNetworkError

    network = ALIASES.get(args.network, args.network)
    if args.param is not None:
        if network not in ("rrdbnet", "auto"):
            raise UsageError(expected="rrdbnet with --param", got=network)
        network, state = "rrdbnet", ncnn.read_rrdbnet(args.checkpoint, args.param)
    else:
        state = checkpoint.read_checkpoint(args.checkpoint)
    if network == "auto":
        found = checkpoint.recognise(state)
        if found is None:
            raise WrongNetworkError(
                expected="a checkpoint of one of the six published networks",
                got=f"{len(state)} tensors, the first named {next(iter(state))!r}",
                fix="name the network to see what differs",
            )
        network = found
    net = checkpoint.build(network, state, args.checkpoint.name)
    return [f"{network}: {path}" for path in convert(network, net, args.out, plain=args.plain)]


def _adopt(args: argparse.Namespace) -> list[str]:
    from export.adopt import adopt

    return [f"{args.network}: {path}" for path in adopt(args.file, args.network, args.out)]


def _quantize(args: argparse.Namespace) -> Iterator[str]:
    from export.quantize import quantize_folder

    return quantize_folder(
        args.models, calibrate=args.calibrate, only=args.only, precisions=args.precision, samples=args.samples
    )


def _validate(args: argparse.Namespace) -> Iterator[str]:
    from export.validate import validate_folder

    return validate_folder(args.models, calibrate=args.calibrate, samples=args.samples)


def _cards(args: argparse.Namespace) -> Iterator[str]:
    from export.cards_markdown import write_cards

    return write_cards(args.models)


if __name__ == "__main__":
    sys.exit(main())
