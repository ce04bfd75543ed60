"""One side of a comparison, in a process of its own: `python side.py JSON` prints one JSON object.

It runs in whichever checkout stands first in PYTHONPATH, older ones too, and so knows nothing but the public interface:
`load`, `run`, `prepare`, `stream`.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import lipsync_edge as le

PIECE_S = 0.02


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Measure one thing once, after a short run that is not counted.

    Args:
        job: `checkout` (folder), `what` ("run" or "live"), `preset`, `device`, `face` (video), `audio` and `warm_up`
            (16 kHz WAV files) and `out` (video to be written).
    """
    home = Path(le.__file__).resolve()
    if not home.is_relative_to(Path(job["checkout"]).resolve()):
        raise SystemExit(f"expected lipsync_edge of {job['checkout']}, got {home}")
    engine = le.load(preset=job["preset"], device=job["device"])
    return run(engine, job) if job["what"] == "run" else live(engine, job)


def run(engine: Any, job: dict[str, Any]) -> dict[str, Any]:
    """From a file to a file: frames, seconds and processor seconds."""
    engine.run(job["face"], job["warm_up"], job["out"])
    cpu, began = time.process_time(), time.perf_counter()
    frames = engine.run(job["face"], job["audio"], job["out"]).frames
    return {
        "frames": frames,
        "wall_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
        "checksum": zlib.crc32(Path(job["out"]).read_bytes()),
    }


def live(engine: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Pieces of 20 ms pushed as fast as frames come out, preparing not counted: frames, seconds, processor seconds."""
    avatar = engine.prepare(job["face"])
    _, _, checksum = pushed(engine, avatar, job["warm_up"], look=True)
    cpu, began = time.process_time(), time.perf_counter()
    frames, first_s, _ = pushed(engine, avatar, job["audio"], look=False)
    return {
        "frames": frames,
        "wall_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
        "first_frame_s": first_s,
        "checksum": checksum,
    }


def pushed(engine: Any, avatar: Any, audio: str, look: bool) -> tuple[int, float, int]:
    """Push a sound; returns how many frames came, the seconds to the first, and the checksum of all if `look`ed at."""
    pcm, rate = soundfile.read(audio, dtype="float32")
    step, frames, first_s, checksum = round(rate * PIECE_S), 0, 0.0, 0
    began = time.perf_counter()
    with engine.stream(avatar, sample_rate=rate) as stream:
        for at in range(0, len(pcm), step):
            for frame in stream.push(pcm[at : at + step]):
                first_s = first_s or time.perf_counter() - began
                frames += 1
                checksum = zlib.crc32(np.ascontiguousarray(frame.image_bgr).data, checksum) if look else 0
        frames += sum(1 for _ in stream.flush())
    return frames, first_s, checksum


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
