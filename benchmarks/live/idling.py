"""Measure what an idle avatar that moves costs a server with a browser that watches it by WebRTC.

    python -m benchmarks live idling [--seconds-each 20] [--rounds 2] [--preset lite] [--face AVATAR --audio FILE]

`serve` runs in this process, headless Chromium beside it. Processor time of this process for each slot: the session's
own work, encoding, packets and their encryption; in turn with the encoded loop that a session keeps ("loop") and with
none ("no_loop"), each after the loop has come round. `alone_ms` is the same with nobody watching. Rows: live.json,
`measured` "idling". It needs Chromium and its driver.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

import lipsync_edge as le
from benchmarks import rows
from benchmarks.live.cost import SIZES, resized
from benchmarks.live.opened import facts_of
from benchmarks.live.watched import served, watching
from benchmarks.process import load_now
from benchmarks.source import RATE, Source, add_source_options, make_source
from lipsync_edge.engine import Engine
from lipsync_edge.pipeline.avatar import Avatar
from lipsync_edge.pipeline.prepare import PrepareOptions
from lipsync_edge.server.rtc import broadcast
from lipsync_edge.server.rtc.loop import KEPT_BYTES
from lipsync_edge.server.rtc.pictures import CHAIN_S, RtcPictures

KEY = ("measured", "preset", "face", "size")
TURNS = 4  # until every state of the mouth has come twice, and has been encoded


def spent(session: Any, seconds: float) -> float:
    """Return processor milliseconds of this process for each slot of some seconds."""
    slots, began = session.live.health().slots, time.process_time()
    time.sleep(seconds)
    return 1000 * (time.process_time() - began) / max(1, session.live.health().slots - slots)


@contextmanager
def keeping(limit: int) -> Iterator[None]:
    """Let sessions keep a loop of so many bytes."""
    with patch.object(broadcast, "RtcPictures", partial(RtcPictures, kept_bytes=limit)):
        yield


def measure(engine: Engine, avatar: Avatar, seconds: float, rounds: int) -> dict[str, object]:
    """Serve it and watch it with and without a loop in turn; medians over the rounds."""
    first = engine.stream(avatar, sample_rate=RATE)
    turn = 2 * len(avatar) / float(avatar.fps)
    times: dict[str, list[float]] = {"alone": [], "no_loop": [], "loop": []}
    for _ in range(rounds):
        for name, limit in (("no_loop", 0), ("loop", KEPT_BYTES)):
            with keeping(limit), served(first.again) as (address, session):
                time.sleep(TURNS * turn)
                times["alone"].append(spent(session, seconds / 2))
                with watching(address):
                    time.sleep(2 * turn + CHAIN_S)
                    times[name].append(spent(session, seconds))
    found: dict[str, object] = {f"{name}_ms": round(float(np.median(of)), 2) for name, of in times.items()}
    return found | {"rounds": rounds}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of an idle avatar that is watched."""
    add_source_options(parser, seconds=12.0)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds-each", type=float, default=20.0)
    parser.add_argument("--avatar-seconds", type=float, default=6.0, help="of the face that are taken")


def main(options: argparse.Namespace) -> None:
    """Measure every size, keep the rows."""
    options.threads = 1
    cv2.setNumThreads(1)
    engine = le.load(preset=options.preset, models=options.models, threads=1)
    with tempfile.TemporaryDirectory() as name:
        source = make_source(options, Path(name))
        for size in SIZES:
            clip = resized(source.face, size, Path(name) / f"{size[1]}.mp4")
            avatar = engine.prepare(clip, options=PrepareOptions(seconds=options.avatar_seconds))
            row: dict[str, object] = {"measured": "idling", "load": load_now()}
            row |= measure(engine, avatar, options.seconds_each, options.rounds)
            said = Source(face=clip, audio=source.audio, said=source.said)
            row |= facts_of(engine, avatar, said, options)
            print(json.dumps(row), flush=True)
            rows.keep(options.results, "live", [row], KEY)
