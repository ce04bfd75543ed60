"""The one command line of training: options that many commands share are declared, defaulted and checked here.

A command is a module below `training` with `arguments()`, its options, and `main(argv)`, which runs it::

    def arguments() -> argparse.ArgumentParser:
        parser = command(__name__, __doc__, "corpus", "labels", out=WORK / "lips", minutes=25, rate=1.5e-3)
        parser.add_argument("--teachers", type=Path)
        return parser


    def main(argv: Sequence[str] | None = None) -> None:
        options = parse(arguments(), argv)

It is run as `python -m training ROOM.MODULE --minutes 25 …` (`python -m training` lists all commands).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORK = Path(".train")  # everything that training reads and writes lies below it, and git ignores it


TRAINED = ("stop_after", "fresh", "threads", "seed")  # come with "minutes"


@dataclass(frozen=True, slots=True)
class Shared:
    """One shared option: its default, its type, its help, and whether it must exist before the command begins."""

    default: Any
    kind: type
    help: str
    must_exist: bool = False


SHARED = {
    "corpus": Shared(WORK / "corpus", Path, "the corpus: train/, eval/, faces/", True),
    "labels": Shared(WORK / "labels", Path, "what data.labels wrote", True),
    "voices": Shared(WORK / "voices", Path, "what data.voices wrote"),
    "teacher": Shared(WORK / "teacher", Path, "MediaPipe's modules folder (FaceMesh)", True),
    "models": Shared(None, Path, "folder of models; without it the bundled ones"),
    "out": Shared(None, Path, "what is written: a folder of weights, or the file of a measurement"),
    "minutes": Shared(None, float, "training time; the learning rate falls to nearly zero over it"),
    "stop_after": Shared(None, float, "minutes after which to stop, if sooner"),
    "rate": Shared(None, float, "highest learning rate"),
    "fresh": Shared(False, bool, "start a new cycle from the saved weights"),
    "threads": Shared(1, int, "threads of torch"),
    "seed": Shared(0, int, "of everything that is drawn"),
}


def command(module: str, doc: str | None, *names: str, **defaults: Any) -> argparse.ArgumentParser:
    """Return a parser with shared options.

    Args:
        module: name of the module.
        doc: its docstring; becomes the help text.
        names: of shared options that keep their default.
        defaults: of shared options that have another default here.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module.replace('.', ' ', 1)}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    wanted = dict.fromkeys(names) | defaults
    if "minutes" in wanted:
        wanted = dict.fromkeys((*wanted, *TRAINED)) | wanted
    for name, default in wanted.items():
        shared = SHARED[name]
        flag, value = f"--{name.replace('_', '-')}", shared.default if default is None else default
        if shared.kind is bool:
            parser.add_argument(flag, action="store_true", help=shared.help)
        else:
            parser.add_argument(flag, type=shared.kind, default=value, help=f"{shared.help} ({value})")
    return parser


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the options, check that what must exist does, and set threads and seeds.

    Raises:
        SystemExit: an option is wrong, or a folder that it names is not there.
    """
    options = parser.parse_args(argv)
    for name, shared in SHARED.items():
        path = getattr(options, name, None)
        if shared.must_exist and path is not None and not path.exists():
            parser.error(f"nothing at {path}: give --{name}, or put or link it there ({shared.help})")
    _settle(getattr(options, "threads", 1), getattr(options, "seed", None))
    return options


def _settle(threads: int, seed: int | None) -> None:
    """Keep OpenCV and torch to the cores that were asked for; draw the same numbers again."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(threads)
    if seed is not None:
        torch.manual_seed(seed)
