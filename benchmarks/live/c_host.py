"""Measure the C host: what a call costs beyond making frames, with one thread and with two.

    python -m benchmarks live c-host [--preset lite] [--seconds 1] [--corpus DIR | --face AVATAR --audio FILE]

Builds examples/c_host with this Python and runs it on an avatar and raw int16 mono sound of 16 kHz. `overhead_us` is a
call of push_into that has nothing to make. Rows: c_host.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import lipsync_edge as le
from benchmarks import rows
from benchmarks.live.opened import avatar_of, sound_of
from benchmarks.source import add_source_options, make_source

HOST = rows.ROOT / "examples" / "c_host"
KEY = ("avatar", "threads")


def run(built: Path, avatar: Path, pcm: Path, threads: int) -> dict[str, Any]:
    """Run the host once; returns what it prints."""
    words = [str(built), sys.executable, str(HOST), "embed", str(avatar), str(pcm), os.devnull, str(threads)]
    python_path = os.environ | {"PYTHONPATH": str(rows.ROOT)}
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=python_path)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the C host."""
    add_source_options(parser, seconds=1.0)
    parser.add_argument("--preset", default="lite")


def main(options: argparse.Namespace) -> None:
    """Build, prepare, run, keep a row a number of threads."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_source(options, folder)
        subprocess.run(["make", "-s", "-C", HOST, f"OUT={folder}", f"PYTHON={sys.executable}"], check=True)
        avatar, pcm = folder / "face.avatar", folder / "sound.pcm"
        avatar_of(le.load(preset=options.preset), source).save(avatar)
        pcm.write_bytes(sound_of(source).tobytes())
        for threads in (1, 2):
            origin = rows.stated()
            load = origin["machine"]["load"]
            found = run(folder / "c_host", avatar, pcm, threads)
            row = found | {"avatar": source.said, "load": load} | origin
            print(json.dumps(row), flush=True)
            rows.keep(options.results, "c_host", [row], KEY)
