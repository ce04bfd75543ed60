"""Measure shows in real time: latency of every frame against its sound, dropped frames, memory over time.

    python benchmarks/bench_live.py FACE AUDIO [--minutes 10] [--streams 1] [--height 720] [--preset lite]

Each stream gets the sound again and again, in pieces of 20 ms at the pace it is spoken, with a pause of a second
between, and runs in a thread of its own, paced by the clock. A frame's latency counts from the moment the last piece
of sound that it needs came, to the moment it was handed out; it holds the wait for the frame's slot, up to 1 / fps.
Appends a JSON row to benchmarks/results/live.json. `load` is the machine's load average at the end: above the number
of cores, something else was running too; `nice` is the priority that the measured process had.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from bench_stream import avatar_of

import lipsync_edge as le
from lipsync_edge.audio.alignment import samples_needed
from lipsync_edge.engine import Engine
from lipsync_edge.live import LiveSession, SessionOptions, Slot
from lipsync_edge.live.process import resident_bytes
from lipsync_edge.live.slot import I16
from lipsync_edge.live.sources import read_file
from lipsync_edge.pipeline.avatar import Avatar
from lipsync_edge.pipeline.avatar_file import load_avatar

RESULTS = Path(__file__).parent / "results" / "live.json"
RATE = 16_000
PIECE = RATE // 50
PAUSE_S = 1.0
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

    def write(self, moment: Slot) -> None:
        """Take a moment: which frame of which utterance is it, and when had the sound it needs come?"""
        now = time.perf_counter()
        self.states[moment.state] = self.states.get(moment.state, 0) + 1
        self.gaps_ms += [(now - self._last) * 1000] if self._last else []
        self._last = now
        if moment.state not in SAID and not (moment.state == "late" and moment.pcm.any()):
            self._was_idle |= moment.state == "idle"
            return
        if self._was_idle:
            self._said, self._own, self._was_idle = self._said + 1, 0, False
        if moment.state in SAID:
            needed = samples_needed(self._own / self.fps, self.engine.lips.audio)
            came = self.begun[self._said] + -(-needed // PIECE) * PIECE / RATE
            self.latencies_ms.append((now - came) * 1000)
            self.first_ms += self.latencies_ms[-1:] if self._own == 0 else []
        self._own += 1

    def interrupt(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is open."""


def talk(show: LiveSession, watcher: Watcher, sound: I16, seconds: float) -> None:
    """Say the sound at the pace it is spoken, again and again."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        watcher.begun.append(began)
        for at in range(0, len(sound), PIECE):
            came = began + min(at + PIECE, len(sound)) / RATE  # a piece is there when its last sample is
            time.sleep(max(0.0, came - time.perf_counter()))
            show.say(sound[at : at + PIECE])
        show.end()
        time.sleep(PAUSE_S + 0.5)
    show.stop()


def percentiles(name: str, values: np.ndarray) -> dict[str, float | None]:
    """Median, 95th and 99th percentile in milliseconds; None of nothing."""
    points = (50, 95, 99)
    return {
        f"{name}_p{p}_ms": round(float(np.percentile(values, p)), 2) if len(values) else None for p in points
    }


def measure(engine: Engine, avatar: Avatar, sound: I16, minutes: float, streams: int) -> dict[str, object]:
    """Run so many shows side by side for so long."""
    watchers, threads, shows, memory = [], [], [], []
    for _ in range(streams):
        stream = engine.stream(avatar, sample_rate=RATE)
        watcher = Watcher(engine, stream.fps)
        show = LiveSession(stream, watcher, SessionOptions(rate=RATE, gap_s=2.0))
        threads += [
            threading.Thread(target=show.run),
            threading.Thread(target=talk, args=(show, watcher, sound, minutes * 60)),
        ]
        watchers.append(watcher)
        shows.append(show)
    cpu, began = time.process_time(), time.perf_counter()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        memory.append((time.perf_counter() - began, resident_bytes() / 1e6))
        time.sleep(1.0)
    cpu = time.process_time() - cpu
    settled = np.array(memory[len(memory) // 5 :])
    slope = float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0]) * 3600 if len(settled) > 2 else 0.0
    slots = sum(show.health().slots for show in shows)
    pooled = {
        name: np.concatenate([getattr(watcher, name) for watcher in watchers])
        for name in ("latencies_ms", "first_ms", "gaps_ms")
    }
    return {
        "streams": streams,
        "minutes": minutes,
        "slots": slots,
        "states": {
            state: sum(w.states.get(state, 0) for w in watchers) for w in watchers for state in w.states
        },
        "dropped": sum(show.health().dropped for show in shows),
        "starved": sum(show.health().starved for show in shows),
        "cpu_ms_per_slot": round(1000 * cpu / slots, 2),
        "compute_p50_ms": round(max(show.health().stream.compute_p50_ms for show in shows), 2),
        "compute_p95_ms": round(max(show.health().stream.compute_p95_ms for show in shows), 2),
        **{
            f"latency_p{p}_ms": round(float(np.percentile(pooled["latencies_ms"], p)), 2)
            for p in (50, 95, 99)
        },
        **{f"first_frame_p{p}_ms": round(float(np.percentile(pooled["first_ms"], p)), 2) for p in (50, 95)},
        **{f"gap_p{p}_ms": round(float(np.percentile(pooled["gaps_ms"], p)), 2) for p in (50, 99)},
        "memory_mb": round(float(settled[:, 1].max()), 1),
        "memory_slope_mb_per_hour": round(slope, 2),
    }


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("face", type=Path, help="a video, or a saved avatar")
    parser.add_argument("audio", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    engine = le.load(preset=args.preset, models=args.models, threads=args.threads)
    is_saved = args.face.suffix == ".avatar"
    avatar = load_avatar(args.face) if is_saved else avatar_of(engine, args.face, args.height)
    sound = np.concatenate(list(read_file(args.audio, RATE)))
    row = measure(engine, avatar, sound, args.minutes, args.streams) | {
        "preset": args.preset,
        "face": args.face.name,
        "size": f"{avatar.size[0]}x{avatar.size[1]}",
        "fps": round(float(avatar.fps), 3),
        "device": engine.device,
        "threads": args.threads,
        "precisions": {stage: network.precision for stage, network in engine.networks.items()},
        "cores": os.cpu_count() or 0,
        "nice": os.nice(0),
        "load": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(row))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    rows = json.loads(args.out.read_text()) if args.out.is_file() else []
    args.out.write_text(json.dumps([*rows, row], indent=1) + "\n")


if __name__ == "__main__":
    main()
