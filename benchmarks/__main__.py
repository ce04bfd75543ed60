"""The benchmarks' command line: `python -m benchmarks NAME [options]`.

Each benchmark is a module with a docstring, `add_options(parser)` and `main(options)`; nothing of it is imported before
it is asked for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.rows import RESULTS

COMMANDS = {
    "run": ("run.whole", "whole runs, start of the process to the finished file"),
    "run mouths": ("run.mouths", "own mouths and painted ones, in turn"),
    "run start": ("run.start", "the import, and the start of a process to its first frame"),
    "run profile": (
        "run.profile",
        "what `lipsync-edge bench` does not say: threads' load, multiply-adds, bytes",
    ),
    "run roofline": ("run.roofline", "each stage against the machine's measured peak"),
    "run faces": ("run.faces", "what the second face of a film costs"),
    "run threads": ("run.threads", "thread pools held to one thread"),
    "batch": ("batch.jobs", "`batch`, the same on Ray, and a shell loop over `run`, in turn"),
    "compare": ("compare.sides", "two checkouts in turn: `run` and live"),
    "live": ("live.paced", "live sessions paced by the clock: latency, drops, memory"),
    "live pushed": ("live.pushed", "a stream as fast as it goes: time a frame, an avatar's size and opening"),
    "live cost": (
        "live.cost",
        "what a viewer's frame costs, idle and speaking, with and without what is kept",
    ),
    "live idling": ("live.idling", "an idle avatar that a browser watches by WebRTC: processor time a slot"),
    "live sessions": ("live.sessions", "how many sessions a machine holds, speaking and idle"),
    "live watched": (
        "live.watched",
        "a browser by WebRTC: skew of sound and picture, how soon an interrupt stops both",
    ),
    "live soak": (
        "live.soak",
        "hours of viewers that come and go, on a faster clock: memory, what is left behind",
    ),
    "live lossy": ("live.lossy", "a browser by WebRTC over a bad network: loss, jitter, a narrow link"),
    "live c-host": ("live.c_host", "a call from C"),
    "networks": ("networks.timed", "every network by runtime, precision and batch, torch beside them"),
    "networks torch-export": ("networks.torch_export", "our graphs against torch's own export"),
    "networks nncf": ("networks.nncf", "our int8 files against NNCF's"),
    "networks tuned": ("networks.tuned", "whether what `--device auto` takes is the fastest"),
    "networks avx2": ("networks.avx2", "int8 files on an emulated processor without VNNI"),
    "picture": ("picture", "decoder, colour conversions, encoder: processor time a frame"),
    "hostile": ("hostile", "damaged and hostile inputs: faults, time, memory"),
    "mark": ("mark", "marks of a finished file: seconds, bytes, memory"),
    "watermark": (
        "watermark",
        "watermarks of kept libraries: cost, detection after H.264, scaling, a screenshot",
    ),
    "track": ("track", "how still and how near the tracked face is"),
    "reference": ("reference.ratio", "the presets and the published wav2lip-hq in torch, in turn"),
    "reference untrained": ("reference.untrained", "makes the untrained networks of the published shapes"),
    "reference pipeline": ("reference.pipeline", "the published wav2lip-hq alone"),
    "table2": ("table2.table", "the paper's Table 2, with controls"),
    "look": ("look.sheet", "results beside their sources in one picture"),
    "look enhanced": ("look.enhanced", "an enhancer on the demo's face"),
    "rows": ("rows", "lists what was measured, where and when; keeps the rows of `lipsync-edge bench`"),
}


def parsed(words: Sequence[str]) -> tuple[str, argparse.Namespace]:
    """Return the module that was asked for and its options."""
    name = " ".join(words[:2])
    name = name if name in COMMANDS else " ".join(words[:1])
    if name not in COMMANDS:
        listing = argparse.ArgumentParser(
            prog="python -m benchmarks",
            description="\n".join(f"{one:24}{said}" for one, (_, said) in COMMANDS.items()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        listing.add_argument("name", choices=list(COMMANDS), metavar="NAME")
        listing.parse_args(words[:1])
    module = COMMANDS[name][0]
    loaded = import_module(f"benchmarks.{module}")
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=loaded.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the rows")
    loaded.add_options(parser)
    return module, parser.parse_args(words[len(name.split()) :])


def main() -> None:
    """Run the benchmark that was asked for."""
    module, options = parsed(sys.argv[1:])
    import_module(f"benchmarks.{module}").main(options)


if __name__ == "__main__":
    main()
