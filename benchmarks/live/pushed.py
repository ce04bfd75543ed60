"""Measure a live stream as fast as it goes: time to make a frame, memory, an avatar's size and opening.

    python -m benchmarks live pushed [--minutes M] [--preset lite] [--corpus DIR]

Pushes the sound in pieces of 20 ms, as fast as the frames are made. `load` is the machine's load average at the end:
above the number of cores, times are those of a busy machine; `cpu_ms_per_frame`, of all threads together, is not.
Rows: stream.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import lipsync_edge as le
from benchmarks import rows
from benchmarks.live.opened import add_live_options, avatar_of, facts_of, sound_of
from benchmarks.process import load_now
from benchmarks.source import RATE, make_source
from lipsync_edge.engine import Engine
from lipsync_edge.live.slot import I16
from lipsync_edge.machine import resident_bytes
from lipsync_edge.pipeline.avatar import Avatar

PIECE = RATE // 50
KEY = ("preset", "face", "size", "threads")


def endless(sound: I16, seconds: float) -> Iterator[I16]:
    """Give pieces of 20 ms, the sound, int16 (n,), again and again."""
    at = 0
    for _ in range(round(seconds * RATE / PIECE)):
        at = 0 if at + PIECE > len(sound) else at
        yield sound[at : at + PIECE]
        at += PIECE


def measure(engine: Engine, avatar: Avatar, sound: I16, minutes: float) -> rows.Row:
    """Speak for so long; latency counts from the moment the last piece a frame needs was pushed."""
    times, latencies, memory = [], [], []
    cpu = time.process_time()
    with engine.stream(avatar, sample_rate=RATE) as stream:
        for piece in endless(sound, minutes * 60):
            pushed = time.perf_counter()
            for frame in stream.push(piece):
                latencies.append((time.perf_counter() - pushed) * 1000)
                times.append(frame.compute_ms)
                pushed = time.perf_counter()
            if len(times) % 250 == 0:
                memory.append(resident_bytes() / 1e6)
    cpu = time.process_time() - cpu
    half = len(memory) // 2
    return {
        "frames": len(times),
        "cpu_ms_per_frame": round(1000 * cpu / len(times), 2),
        **rows.times_ms("compute", times, (50, 95, 99)),
        "first_frame_ms": round(latencies[0], 2),
        "lookahead_ms": float(stream.lookahead_ms),
        "memory_mb": round(float(max(memory)), 1),
        "memory_growth_mb": round(float(np.median(memory[half:]) - np.median(memory[:half])), 2),
    }


def opened(avatar: Avatar, folder: Path) -> tuple[Avatar, dict[str, float]]:
    """Save an avatar and open it again; returns it, its size and how long opening took."""
    path = folder / "face.avatar"
    avatar.save(path)
    began = time.perf_counter()
    loaded = le.load_avatar(path)
    took = (time.perf_counter() - began) * 1000
    facts = {"avatar_mb": round(path.stat().st_size / 1e6, 1), "avatar_frames": len(avatar)}
    return loaded, facts | {"avatar_open_ms": round(took, 2)}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of pushed streams."""
    add_live_options(parser, seconds=12.0)


def main(options: argparse.Namespace) -> None:
    """Measure, keep the row."""
    engine = le.load(preset=options.preset, models=options.models, threads=options.threads)
    with tempfile.TemporaryDirectory() as name:
        source = make_source(options, Path(name))
        avatar, saved = opened(avatar_of(engine, source), Path(name))
        facts = facts_of(engine, avatar, source, options)
        row = (
            measure(engine, avatar, sound_of(source), options.minutes) | facts | saved | {"load": load_now()}
        )
    print(json.dumps(row))
    rows.keep(options.results, "stream", [row], KEY)
