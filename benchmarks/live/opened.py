"""What the live benchmarks share: options, the avatar and the sound of a source."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import lipsync_edge as le
from benchmarks import rows
from benchmarks.source import RATE, Source, add_source_options
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.audio.resample import to_int16
from lipsync_edge.engine import Engine
from lipsync_edge.live.slot import I16
from lipsync_edge.pipeline.avatar import Avatar


def add_live_options(parser: argparse.ArgumentParser, seconds: float) -> None:
    """Add a source, --preset, --models, --threads and --minutes."""
    add_source_options(parser, seconds)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--minutes", type=float, default=10.0)


def avatar_of(engine: Engine, source: Source) -> Avatar:
    """Prepare the source's face, or open it if it is a saved avatar."""
    is_saved = source.face.suffix == ".avatar"
    return le.load_avatar(source.face) if is_saved else engine.prepare(source.face)


def sound_of(source: Source) -> I16:
    """Return the source's speech, int16 (n,), 16 kHz."""
    return to_int16(read_audio(source.audio, RATE))


def facts_of(engine: Engine, avatar: Avatar, source: Source, options: argparse.Namespace) -> dict[str, Any]:
    """Return what a row says beside its figures."""
    origin = rows.stated()
    return {
        "preset": options.preset,
        "face": source.said,
        "size": f"{avatar.size[0]}x{avatar.size[1]}",
        "fps": round(float(avatar.fps), 3),
        "device": engine.device,
        "threads": options.threads,
        "precisions": {stage: network.precision for stage, network in engine.networks.items()},
        "cores": origin["machine"]["cores"],
        **origin,
    }
