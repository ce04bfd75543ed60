"""Measure how many live sessions a machine holds, each with one viewer of JPEGs: all speaking, or all idle.

    python -m benchmarks live sessions [--seconds-each 15] [--preset lite] [--corpus DIR | --face AVATAR --audio FILE]

Sessions of one avatar run side by side in real time, in one process of one thread a network, as those of `serve` do;
more are begun as long as all together lose less than a hundredth of their slots. Speaking ones get sound without a
pause. Rows: live.json, `measured` "sessions". `load` is the machine's load average before: what else was running is
missing here.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2

import lipsync_edge as le
from benchmarks import rows
from benchmarks.live.opened import avatar_of, facts_of, sound_of
from benchmarks.process import load_now
from benchmarks.source import RATE, add_source_options, make_source
from lipsync_edge.live import LiveSession, SessionOptions, SessionOverError, Slot
from lipsync_edge.live.slot import I16
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.protocol import pack

KEY = ("measured", "state", "preset", "face", "size")
QUALITY = 85
LOST = 0.01  # of all slots


class OneViewer:
    """A sink that makes the message of a viewer."""

    def __init__(self) -> None:
        self.slots = self.late = self.sent = 0

    def write(self, slot: Slot) -> None:
        """Take a slot."""
        self.sent += len(pack(slot, quality=QUALITY))
        self.slots += 1
        self.late += slot.state == "late"

    def interrupt(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is open."""


def say(session: LiveSession, sound: I16, over: threading.Event) -> None:
    """Say the sound again and again, as fast as the session takes it."""
    at = 0
    with suppress(SessionOverError):
        while not over.is_set():
            session.say(sound[at : at + RATE // 10], timeout=0.2)
            at = (at + RATE // 10) % (len(sound) - RATE // 10)


def lost_by(count: int, first: Stream, sound: I16 | None, seconds: float) -> dict[str, float]:
    """Run so many sessions for so long, silent ones without sound; returns their part of lost slots, and their cost."""
    over = threading.Event()
    sinks = [OneViewer() for _ in range(count)]
    sessions = [LiveSession(first.again(), sink, SessionOptions(rate=RATE, buffer_s=1.0)) for sink in sinks]
    threads = [threading.Thread(target=session.run) for session in sessions]
    talkers = [] if sound is None else [threading.Thread(target=say, args=(s, sound, over)) for s in sessions]
    for talker in talkers:
        talker.start()
    cpu, began = time.process_time(), time.perf_counter()
    for thread in threads:
        thread.start()
        time.sleep(1 / (25 * count))  # as strangers would come
    time.sleep(seconds)
    over.set()
    for session in sessions:
        session.stop()
    for thread in [*threads, *talkers]:
        thread.join()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    slots = sum(sink.slots for sink in sinks)
    due = count * seconds * float(first.fps)
    lost = sum(sink.late for sink in sinks) + max(0.0, due - slots - count)
    return {
        "lost": round(lost / due, 4),
        "cpu_ms_per_slot": round(1000 * cpu / slots, 2),
        "busy_cores": round(cpu / wall, 2),
        "mbit_s_each": round(sum(sink.sent for sink in sinks) * 8e-6 / wall / count, 2),
    }


def most(first: Stream, sound: I16 | None, seconds: float, limit: int) -> dict[str, object]:
    """Return the most sessions that lose nearly nothing, and what they cost."""
    held: dict[str, object] = {"sessions": 0}
    step = 1 if sound is not None else 4
    for count in range(step, limit + 1, step):
        found = lost_by(count, first, sound, seconds)
        print(count, found, flush=True)
        if found["lost"] > LOST:
            return held | {"one_step_more": found}
        held = {"sessions": count, **found}
    return held


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of many sessions."""
    add_source_options(parser, seconds=12.0)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--seconds-each", type=float, default=15.0)
    parser.add_argument("--limit", type=int, default=60, help="most sessions that are tried")


def main(options: argparse.Namespace) -> None:
    """Measure speaking and idle sessions, keep the rows."""
    options.threads = 1
    cv2.setNumThreads(1)
    engine = le.load(preset=options.preset, models=options.models, threads=1)
    with tempfile.TemporaryDirectory() as name:
        source = make_source(options, Path(name))
        avatar, sound = avatar_of(engine, source), sound_of(source)
        first = engine.stream(avatar, sample_rate=RATE, fps=25)
        for frame in first.idle(4 * len(avatar)):
            frame.picture.jpeg(QUALITY)
        for state, said in (("speaking", sound), ("idle", None)):
            load = load_now()
            row: dict[str, object] = {"measured": "sessions", "state": state}
            row |= most(first, said, options.seconds_each, options.limit)
            row |= facts_of(engine, avatar, source, options) | {"load": load}
            print(json.dumps(row), flush=True)
            rows.keep(options.results, "live", [row], KEY)
