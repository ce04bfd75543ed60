"""Measure live sessions in real time: latency of every frame against its sound, dropped frames, memory over time.

    python -m benchmarks live [--minutes 10] [--streams 1] [--preset lite] [--corpus DIR | --face AVATAR --audio FILE]

Each stream gets the sound again and again, in pieces of 20 ms at the pace it is spoken, with a pause of a second
between, and runs in a thread of its own, paced by the clock. A frame's latency counts from the moment the last piece
of sound that it needs came, to the moment it was handed out; it holds the wait for the frame's slot, up to 1 / fps.
Rows: live.json. `load` is the machine's load average at the end; `nice` the priority that the measured process had.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

import lipsync_edge as le
from benchmarks import rows
from benchmarks.live.opened import add_live_options, avatar_of, facts_of, sound_of
from benchmarks.process import load_now
from benchmarks.source import RATE, make_source
from lipsync_edge.audio.front_end import front_end
from lipsync_edge.engine import Engine
from lipsync_edge.live import LiveSession, SessionOptions, Slot
from lipsync_edge.live.slot import I16
from lipsync_edge.machine import resident_bytes
from lipsync_edge.pipeline.avatar import Avatar

KEY = ("preset", "face", "size", "streams", "threads")
PIECE = RATE // 50
PAUSE_S = 1.0
F64 = npt.NDArray[np.float64]
SAID = ("speech", "silence")


@dataclass
class Watcher:
    """A sink that takes the times of what it is handed."""

    engine: Engine
    fps: Fraction
    begun: list[float] = field(default_factory=list)  # when each utterance's first sample came
    latencies_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    gaps_ms: list[float] = field(default_factory=list)
    _own: int = 0
    _said: int = -1
    _was_idle: bool = True
    _last: float = 0.0

    def write(self, slot: Slot) -> None:
        """Take a slot: which frame of which utterance is it, and when had the sound it needs come?"""
        now = time.perf_counter()
        self.states[slot.state] = self.states.get(slot.state, 0) + 1
        self.gaps_ms += [(now - self._last) * 1000] if self._last else []
        self._last = now
        if slot.state not in SAID and not (slot.state == "late" and slot.pcm.any()):
            self._was_idle |= slot.state == "idle"
            return
        if self._was_idle:
            self._said, self._own, self._was_idle = self._said + 1, 0, False
        if slot.state in SAID:
            audio = self.engine.renderer.lips.audio
            needed = front_end(audio).samples_needed(self._own / self.fps, audio)
            came = self.begun[self._said] + -(-needed // PIECE) * PIECE / RATE
            self.latencies_ms.append((now - came) * 1000)
            self.first_ms += self.latencies_ms[-1:] if self._own == 0 else []
        self._own += 1

    def interrupt(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is open."""


def talk(session: LiveSession, watcher: Watcher, sound: I16, seconds: float) -> None:
    """Say the sound at the pace it is spoken, again and again."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        watcher.begun.append(began)
        for at in range(0, len(sound), PIECE):
            came = began + min(at + PIECE, len(sound)) / RATE  # a piece is there when its last sample is
            time.sleep(max(0.0, came - time.perf_counter()))
            session.say(sound[at : at + PIECE])
        session.end()
        time.sleep(PAUSE_S + 0.5)
    session.stop()


def measure(engine: Engine, avatar: Avatar, sound: I16, minutes: float, streams: int) -> dict[str, object]:
    """Run so many sessions side by side for so long."""
    watchers, threads, sessions = [], [], []
    for _ in range(streams):
        stream = engine.stream(avatar, sample_rate=RATE)
        watcher = Watcher(engine, stream.fps)
        session = LiveSession(stream, watcher, SessionOptions(rate=RATE, gap_s=2.0))
        threads += [
            threading.Thread(target=session.run),
            threading.Thread(target=talk, args=(session, watcher, sound, minutes * 60)),
        ]
        watchers.append(watcher)
        sessions.append(session)
    cpu = time.process_time()
    memory = watched(threads)
    cpu = time.process_time() - cpu
    health = [session.health() for session in sessions]
    slots = sum(one.slots for one in health)
    pooled = {
        name: [ms for watcher in watchers for ms in getattr(watcher, name)]
        for name in ("latencies_ms", "first_ms", "gaps_ms")
    }
    settled = memory[len(memory) // 5 :]
    slope = float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0]) * 3600 if len(settled) > 2 else 0.0
    return {
        "streams": streams,
        "minutes": minutes,
        "slots": slots,
        "states": {
            state: sum(w.states.get(state, 0) for w in watchers) for w in watchers for state in w.states
        },
        "dropped": sum(one.dropped for one in health),
        "starved": sum(one.starved for one in health),
        "cpu_ms_per_slot": round(1000 * cpu / slots, 2),
        "compute_p50_ms": round(max(one.stream.compute_p50_ms for one in health), 2),
        "compute_p95_ms": round(max(one.stream.compute_p95_ms for one in health), 2),
        **rows.times_ms("latency", pooled["latencies_ms"], (50, 95, 99)),
        **rows.times_ms("first_frame", pooled["first_ms"], (50, 95)),
        **rows.times_ms("gap", pooled["gaps_ms"], (50, 99)),
        "memory_mb": round(float(settled[:, 1].max()), 1),
        "memory_slope_mb_per_hour": round(slope, 2),
    }


def watched(threads: list[threading.Thread]) -> F64:
    """Start threads and wait for them; returns seconds and memory in MB, float64 (n, 2), a row a second."""
    began, memory = time.perf_counter(), []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        memory.append((time.perf_counter() - began, resident_bytes() / 1e6))
        time.sleep(1.0)
    return np.array(memory)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of paced sessions."""
    add_live_options(parser, seconds=12.0)
    parser.add_argument("--streams", type=int, default=1)


def main(options: argparse.Namespace) -> None:
    """Measure, keep the row."""
    engine = le.load(preset=options.preset, models=options.models, threads=options.threads)
    with tempfile.TemporaryDirectory() as folder:
        source = make_source(options, Path(folder))
        avatar, sound = avatar_of(engine, source), sound_of(source)
    facts = facts_of(engine, avatar, source, options)
    row = measure(engine, avatar, sound, options.minutes, options.streams) | facts
    row |= {"nice": os.nice(0), "load": load_now()}
    print(json.dumps(row))
    rows.keep(options.results, "live", [row], KEY)
