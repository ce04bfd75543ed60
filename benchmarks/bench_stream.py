"""Measure the live stream: time to make a frame, latency against the sound, memory, an avatar's size and opening.

    python benchmarks/bench_stream.py FACE AUDIO [--minutes M] [--height 720] [--preset lite]

Pushes the sound in pieces of 20 ms, as fast as the frames are made, and writes a JSON row to
benchmarks/results/stream.json. `load` is the machine's load average while measuring: above the number of cores, times
are those of a busy machine; `cpu_ms_per_frame`, of all threads together, is not.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

import lipsync_edge as le
from lipsync_edge.audio.reader import probe_sound, read_sound
from lipsync_edge.engine import Engine
from lipsync_edge.face.tracker import Tracker
from lipsync_edge.pipeline.avatar import Avatar, AvatarOrigin, build_avatar
from lipsync_edge.pipeline.avatar_file import load_avatar
from lipsync_edge.pipeline.job import RunOptions, track_options
from lipsync_edge.types import F32, U8
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader

RESULTS = Path(__file__).parent / "results" / "stream.json"
PIECE_MS = 20


def resident_mb() -> float:
    """Memory of this process that is in RAM, mapped files included, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def avatar_of(engine: Engine, face: Path, height: int) -> Avatar:
    """Prepare a face at a given height, enlarging or shrinking its frames, padded to 16:9 as a wide picture."""
    tracker = Tracker(track_options(engine, RunOptions()), engine.detector)

    def scaled(picture: U8) -> U8:
        width, factor = height * 16 // 9 // 2 * 2, height / picture.shape[0]
        size = (min(width, round(picture.shape[1] * factor)), height)
        inner = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        out = np.zeros((height, width, 3), np.uint8)
        left = (width - inner.shape[1]) // 2
        out[:, left : left + inner.shape[1]] = inner
        return out

    def tracked():  # noqa: ANN202
        for frame in VideoReader(face, end=10.0):
            yield from tracker.push(scaled(frame.image_bgr), frame.time)
        yield from tracker.flush()

    return build_avatar(tracked(), probe(face).fps, AvatarOrigin.of(engine))


def endless(sound: F32, seconds: float, rate: int):  # noqa: ANN201
    """Pieces of 20 ms, the sound again and again."""
    step, at = rate * PIECE_MS // 1000, 0
    for _ in range(round(seconds * 1000 / PIECE_MS)):
        if at + step > len(sound):
            at = 0
        yield sound[at : at + step]
        at += step


def measure(engine: Engine, avatar: Avatar, sound: F32, rate: int, minutes: float) -> dict[str, float]:
    """Speak for so long; latency counts from the moment the last piece a frame needs was pushed."""
    times, latencies, memory = [], [], []
    cpu = time.process_time()
    with engine.stream(avatar, sample_rate=rate) as stream:
        for piece in endless(sound, minutes * 60, rate):
            pushed = time.perf_counter()
            for frame in stream.push(piece):
                latencies.append((time.perf_counter() - pushed) * 1000)
                times.append(frame.compute_ms)
                pushed = time.perf_counter()
            if len(times) % 250 == 0:
                memory.append(resident_mb())
    cpu = time.process_time() - cpu
    at = np.percentile(times, [50, 95, 99])
    half = len(memory) // 2
    return {
        "frames": len(times),
        "cpu_ms_per_frame": round(1000 * cpu / len(times), 2),
        "compute_p50_ms": round(float(at[0]), 2),
        "compute_p95_ms": round(float(at[1]), 2),
        "compute_p99_ms": round(float(at[2]), 2),
        "first_frame_ms": round(latencies[0], 2),
        "lookahead_ms": float(stream.lookahead_ms),
        "memory_mb": round(float(max(memory)), 1),
        "memory_growth_mb": round(float(np.median(memory[half:]) - np.median(memory[:half])), 2),
    }


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("face", type=Path)
    parser.add_argument("audio", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    engine = le.load(preset=args.preset, models=args.models, threads=args.threads)
    avatar = avatar_of(engine, args.face, args.height)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "face.avatar"
        avatar.save(path)
        began = time.perf_counter()
        loaded = load_avatar(path)
        opened = (time.perf_counter() - began) * 1000
        size = path.stat().st_size
        info = probe_sound(args.audio)
        sound = np.concatenate(
            [piece.mean(axis=1) for piece in read_sound(args.audio, info, Fraction(0), None)]
        )
        row = measure(engine, loaded, sound.astype(np.float32), info.rate, args.minutes)
    row |= {
        "preset": args.preset,
        "face": args.face.name,
        "size": f"{avatar.size[0]}x{avatar.size[1]}",
        "device": engine.device,
        "precisions": {stage: network.precision for stage, network in engine.networks.items()},
        "cores": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 2),
        "avatar_mb": round(size / 1e6, 1),
        "avatar_frames": len(avatar),
        "avatar_open_ms": round(opened, 2),
    }
    print(json.dumps(row))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    rows = json.loads(args.out.read_text()) if args.out.is_file() else []
    args.out.write_text(json.dumps([*rows, row], indent=1) + "\n")


if __name__ == "__main__":
    main()
